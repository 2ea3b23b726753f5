/**
 * What a target tells its source on the CPR channel as soon as its machine is built, and once more when it waited for
 * `migrate-incoming` and could be changed meanwhile: whose machine it is, so that two
 * which do not fit part before anything stops.
 *
 *     u32 magic 'BATN'  u32 length  JSON of `MachineFacts`
 *
 * Only ours says it and only ours listens: a QEMU that hands over waits for the end of the connection and reads
 * nothing, a QEMU that takes over says nothing, and is then judged by its loading alone.
 */
import { buildDeviceTree } from '../firmware/device-tree.js';
import { encodeFdt } from '../firmware/fdt.js';
import type { SavedMachine } from '../machine/handle.js';
import type { VmmOptions } from '../options/options.js';
import { isRecord } from '../qmp/protocol.js';
import { VERSION } from '../version.js';

const MAGIC = 0x4241544e;
const HEADER_BYTES = 8;
const MAX_FACTS_BYTES = 64 * 1024;

export interface MachineFacts {
  readonly version: string;
  readonly machine: string;
  readonly ramBytes: number;
  /** Digest of the device tree, less what the kernel is told at boot. */
  readonly deviceTree: string;
  /** Version of each device's state by its name. */
  readonly sections: Readonly<Record<string, number>>;
  /** Devices may still come and go; what it is at last is told then. */
  readonly mayChange?: boolean;
}

/** `sample`: a state of this machine, of which only the names and versions count. */
export function factsOf({ machine, memory }: VmmOptions, sample: SavedMachine): MachineFacts {
  const chosen = { bootargs: null, initrd: null, rngSeed: new Uint8Array() };
  const tree = encodeFdt(buildDeviceTree(memory.sizeBytes, chosen));
  const { createHash } = process.getBuiltinModule('node:crypto'); // no part of a start
  const sections = sample.description.map((json) => {
    const { name, instance_id: instance, version } = JSON.parse(json) as Record<string, unknown>;
    return [`${name}#${instance}`, Number(version)] as const;
  });
  return {
    version: VERSION,
    machine: machine.type,
    ramBytes: memory.sizeBytes,
    deviceTree: createHash('sha256').update(tree).digest('hex'),
    sections: Object.fromEntries(sections),
  };
}

export function encodeFacts(facts: MachineFacts): Uint8Array {
  const json = Buffer.from(JSON.stringify(facts));
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(MAGIC, 0);
  header.writeUInt32BE(json.length, 4);
  return Buffer.concat([header, json]);
}

/** `null`: more has to come. `rest`: what follows it. Throws an `Error` for what is no handshake. */
export function decodeFacts(bytes: Buffer): { readonly facts: MachineFacts; readonly rest: Buffer } | null {
  if (bytes.length < HEADER_BYTES) return null;
  const sizeBytes = bytes.readUInt32BE(4);
  if (bytes.readUInt32BE(0) !== MAGIC || sizeBytes > MAX_FACTS_BYTES) {
    throw new Error('the target said something on the CPR channel that is no handshake');
  }
  if (bytes.length < HEADER_BYTES + sizeBytes) return null;
  const text = bytes.toString('utf8', HEADER_BYTES, HEADER_BYTES + sizeBytes);
  const facts: unknown = JSON.parse(text);
  if (!isFacts(facts)) throw new Error("the target's handshake is not understood");
  return { facts, rest: bytes.subarray(HEADER_BYTES + sizeBytes) };
}

function isFacts(value: unknown): value is MachineFacts {
  if (!isRecord(value) || !isRecord(value.sections)) return false;
  const { version, machine, ramBytes, deviceTree, sections } = value;
  const texts = [version, machine, deviceTree].every((text) => typeof text === 'string');
  return texts && typeof ramBytes === 'number' && Object.values(sections).every(Number.isInteger);
}

/** Why a VM of `ours` cannot go on in `theirs`; `null` when nothing is in the way. */
export function misfit(ours: MachineFacts, theirs: MachineFacts): string | null {
  const target = `the target (baton-vmm ${theirs.version})`;
  if (theirs.machine !== ours.machine) {
    return `${target} has machine type '${theirs.machine}', here it is '${ours.machine}'`;
  }
  if (theirs.ramBytes !== ours.ramBytes) {
    return `${target} has ${theirs.ramBytes} bytes of RAM, here it has ${ours.ramBytes}`;
  }
  if (theirs.deviceTree !== ours.deviceTree) return `${target} has another device tree`;
  if (theirs.mayChange) return null;
  for (const [name, version] of Object.entries(ours.sections)) {
    const there = Object.hasOwn(theirs.sections, name) ? theirs.sections[name] : undefined;
    if (there === undefined) return `${target} has no device '${name}'`;
    if (there < version) return `${target} knows version ${there} of '${name}', here it is ${version}`;
  }
  const extra = Object.keys(theirs.sections).find((name) => !Object.hasOwn(ours.sections, name));
  if (extra !== undefined) return `${target} has a device '${extra}' that is not here`;
  return null;
}
