/**
 * A machine as QEMU has to be told of it: the machine's document with every default resolved, once, against the
 * build that it is first started on. What is resolved must be kept: a default that is looked up again on another
 * build (`q35`, the best accelerator) can name another machine. Pure.
 */
import { createHash } from 'node:crypto';
import { ACCELERATORS, type Accelerator, type Disk, type Nic } from '../hardware.js';
import type { MachineSpec } from '../machine.js';
import type { QemuAbilities } from '../qemu-abilities.js';

/** An empty disk of a size, for a rehearsal: the real one is locked by the machine that runs. */
export interface StandInDisk {
  readonly format: 'null';
  readonly sizeBytes: number;
  readonly bus: Disk['bus'];
  readonly readOnly: boolean;
}

/** A card with no network behind it, for the same. */
export interface StandInNic {
  readonly kind: 'none';
  readonly mac: string | null;
}

/** What the document may say beside what every VMM needs. Null, or not there: the default. */
export interface QemuChoices {
  readonly architecture?: string | null;
  readonly machineType?: string | null;
  readonly accelerator?: Accelerator | null;
  readonly cpu?: string | null;
  readonly disks?: readonly (Disk | StandInDisk)[];
  readonly nics?: readonly (Nic | StandInNic)[];
}

export type QemuSpec = MachineSpec & QemuChoices;

/** The same, resolved. `cpu` null is the machine type's own, which is part of its version. */
export interface ResolvedChoices {
  readonly architecture: string;
  readonly machineType: string;
  readonly accelerator: Accelerator;
  readonly cpu: string | null;
  readonly disks: readonly (Disk | StandInDisk)[];
  readonly nics: readonly (Nic | StandInNic)[];
}

export type Resolution =
  | { readonly choices: ResolvedChoices; readonly refusals: readonly [] }
  | { readonly choices: null; readonly refusals: readonly string[] };

/** The machine that is meant when none is named, by architecture. */
const DEFAULT_MACHINES: Readonly<Record<string, string>> = { x86_64: 'q35', riscv64: 'virt' };

/** What our command line can describe; other machine types of QEMU have other buses and consoles. */
const DESCRIBED = /^(virt|microvm|q35|pc-q35-\d+\.\d+)$/;

/** `refusals` name the member of the document and what would be possible. */
export function resolve(spec: QemuSpec, abilities: QemuAbilities): Resolution {
  const refusals: string[] = [];
  const architecture = spec.architecture ?? abilities.architecture;
  if (architecture !== abilities.architecture) {
    refusals.push(`architecture is ${architecture}, but the build runs ${abilities.architecture} guests`);
  }
  const machineType = resolveMachineType(spec, abilities, refusals);
  const accelerator = resolveAccelerator(spec, abilities, refusals);
  if (refusals.length > 0 || machineType === null || accelerator === null) return { choices: null, refusals };
  const { cpu = null, disks = [], nics = [] } = spec;
  return {
    choices: { architecture, machineType, accelerator, cpu, disks, nics },
    refusals: [],
  };
}

function resolveMachineType(spec: QemuSpec, abilities: QemuAbilities, refusals: string[]): string | null {
  const asked = spec.machineType ?? DEFAULT_MACHINES[abilities.architecture];
  if (asked === undefined) {
    refusals.push(`machineType must be given: there is no default for ${abilities.architecture}`);
    return null;
  }
  const found = abilities.machineTypes.find(({ name, alias }) => name === asked || alias === asked);
  if (found === undefined || !DESCRIBED.test(found.name)) {
    const possible = abilities.machineTypes.filter(({ name }) => DESCRIBED.test(name));
    const names = possible.map(({ name }) => name).join(', ') || 'none';
    refusals.push(`machineType is ${asked}, but of the build only these can be used: ${names}`);
    return null;
  }
  if (spec.vcpus > found.maxVcpus) {
    refusals.push(`vcpus must be at most ${found.maxVcpus} for ${found.name}, got ${spec.vcpus}`);
  }
  return found.name;
}

function resolveAccelerator(
  spec: QemuSpec,
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
