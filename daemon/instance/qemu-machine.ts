/**
 * A machine as QEMU has to be told of it: the machine's document with every default resolved, once, against the
 * build that it is first started on. What is resolved must be kept: a default that is looked up again on another
 * build (`q35`, the best accelerator) can name another machine. Pure.
 */
import { createHash } from 'node:crypto';
import { refusedArguments } from '../extra-arguments.js';
import {
  ACCELERATORS,
  type Accelerator,
  ARCHITECTURES,
  type Architecture,
  type Hardware,
} from '../hardware.js';
import { type MachineSpec, refusedBoot } from '../machine.js';
import type { QemuAbilities } from '../qemu-abilities.js';

/** What the document left to the build, resolved. `cpu` null is the machine type's own, a part of its version. */
export interface ResolvedHardware extends Hardware {
  readonly architecture: Architecture;
  readonly machineType: string;
  readonly accelerator: Accelerator;
}

export type HardwareResolution =
  | { readonly hardware: ResolvedHardware; readonly refusals: readonly [] }
  | { readonly hardware: null; readonly refusals: readonly string[] };

/** The machine that is meant when none is named, by architecture. */
const DEFAULT_MACHINES: Readonly<Record<Architecture, string>> = { x86_64: 'q35', riscv64: 'virt' };

const NAMED_TYPES = 3;

/** What our command line can describe; other machine types of QEMU have other buses and consoles. */
const DESCRIBED = /^(virt|microvm|q35|pc-q35-\d+\.\d+)$/;

/** `refusals` name the member of the document and what would be possible. */
export function resolveHardware(spec: MachineSpec, abilities: QemuAbilities): HardwareResolution {
  const refusals: string[] = [];
  const architecture = resolveArchitecture(spec, abilities, refusals);
  const machineType = architecture && resolveMachineType(spec, architecture, abilities, refusals);
  const accelerator = resolveAccelerator(spec, abilities, refusals);
  refusals.push(...refusedArguments(spec.extraArguments));
  if (machineType !== null) refusals.push(...refusedOn(machineType, spec));
  if (refusals.length > 0 || architecture === null || machineType === null || accelerator === null) {
    return { hardware: null, refusals };
  }
  const { cpu, disks, nics, display, guestAgent, extraArguments } = spec;
  const own = { cpu, disks, nics, display, guestAgent, extraArguments };
  return { hardware: { architecture, machineType, accelerator, ...own }, refusals: [] };
}

function refusedOn(machineType: string, spec: MachineSpec): string[] {
  const refusals = refusedBoot(spec, machineType.startsWith('pc-q35-'));
  if (spec.display !== null && machineType === 'microvm') {
    refusals.push('display must be null for microvm, which has no bus for a screen');
  }
  return refusals;
}

function resolveArchitecture(
  spec: MachineSpec,
  abilities: QemuAbilities,
  refusals: string[],
): Architecture | null {
  const own = ARCHITECTURES.find((name) => name === abilities.architecture);
  const asked = spec.architecture ?? own;
  if (own !== undefined && asked === own) return own;
  const possible = own ?? `${abilities.architecture}, which this daemon does not know`;
  refusals.push(`architecture is ${asked ?? 'not given'}, but the guests of the build are ${possible}`);
  return null;
}

function resolveMachineType(
  spec: MachineSpec,
  architecture: Architecture,
  abilities: QemuAbilities,
  refusals: string[],
): string | null {
  const asked = spec.machineType ?? DEFAULT_MACHINES[architecture];
  const found = abilities.machineTypes.find(({ name, alias }) => name === asked || alias === asked);
  if (found === undefined || !DESCRIBED.test(found.name)) {
    refusals.push(`machineType is ${asked}, but with the build it can be ${possibleTypes(abilities)}`);
    return null;
  }
  if (spec.vcpus > found.maxVcpus) {
    refusals.push(`vcpus must be at most ${found.maxVcpus} for ${found.name}, got ${spec.vcpus}`);
  }
  return found.name;
}

/** Those that a name without a version stands for come first; the rest can be dozens. */
function possibleTypes({ machineTypes }: QemuAbilities): string {
  const possible = machineTypes.filter(({ name }) => DESCRIBED.test(name));
  const names = possible
    .toSorted((left, right) => Number(right.alias !== null) - Number(left.alias !== null))
    .map(({ name }) => name);
  if (names.length === 0) return 'none that this daemon knows';
  const others = names.length - NAMED_TYPES;
  return names.slice(0, NAMED_TYPES).join(', ') + (others > 0 ? ` or one of ${others} others` : '');
}

function resolveAccelerator(
  spec: MachineSpec,
  { accelerators }: QemuAbilities,
  refusals: string[],
): Accelerator | null {
  const asked = spec.accelerator ?? ACCELERATORS.find((name) => accelerators.includes(name));
  if (asked !== undefined && accelerators.includes(asked)) return asked;
  const possible = accelerators.join(' or ') || 'none';
  refusals.push(`accelerator is ${asked ?? 'not given'}, but with the build only ${possible} works here`);
  return null;
}

/** Stays with the machine, and differs from every other one's: QEMU's default is the same for all. */
export function defaultMac(machineId: string, index: number): string {
  const digest = createHash('sha256').update(`${machineId}/${index}`).digest();
  const tail = [...digest.subarray(0, 3)].map((byte) => byte.toString(16).padStart(2, '0'));
  return `52:54:00:${tail.join(':')}`;
}
