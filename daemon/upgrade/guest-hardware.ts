/**
 * What a VMM says its guest is made of, in a form in which source and target can be laid side by side before the
 * guest stops. Left out is what differs by right: threads, paths of a generation, names that a VMM makes up. What
 * one side does not say is not compared.
 */
import { isRecord } from '../../vmm/qmp/protocol.js';
import { QmpCommandError } from '../instance/qmp-errors.js';
import type { RunningInstance } from '../instance/running-instance.js';

type Said = Readonly<Record<string, unknown>>;

/** By topic, then by the thing's own name: what there is to say of it. Null: the VMM does not say. */
export type GuestHardware = ReadonlyMap<string, ReadonlyMap<string, Said> | null>;

interface Topic {
  readonly name: string;
  readonly command: string;
  readonly args?: object;
  /** The name of one element of the answer and what is said of it; null: not to be compared. */
  readonly read: (element: Record<string, unknown>) => readonly [name: string, said: Said] | null;
}

/** A list of what differs stays readable. */
const MAX_DIFFERENCES = 8;

const TOPICS: readonly Topic[] = [
  {
    name: 'vCPU',
    command: 'query-cpus-fast',
    read: ({ 'cpu-index': index, props }) => [String(index), isRecord(props) ? props : {}],
  },
  {
    name: 'device',
    command: 'qom-list',
    args: { path: '/machine/peripheral' },
    read: ({ name, type }) => (isChild(type) ? [String(name), { type }] : null),
  },
  {
    name: 'block device',
    command: 'query-block',
    read: ({ device, qdev, inserted }) => [nameOf(qdev, device), insertedIn(inserted)],
  },
  {
    name: 'block node',
    command: 'query-named-block-nodes',
    args: { flat: true },
    read: ({ 'node-name': name, drv, file }) => (isMadeUp(name) ? null : [String(name), { drv, file }]),
  },
  {
    name: 'memory backend',
    command: 'query-memdev',
    read: ({ id, size, share }) => [String(id), { size, share }],
  },
  {
    name: 'memory device',
    command: 'query-memory-devices',
    read: ({ type, data }) => {
      const { id, addr, memaddr, size, memdev } = isRecord(data) ? data : {};
      return [String(id), { type, addr: addr ?? memaddr, size, memdev }];
    },
  },
  {
    name: 'chardev',
    command: 'query-chardev',
    read: ({ label, filename }) =>
      isMonitor(label) ? null : [String(label), { backend: backendOf(filename) }],
  },
];

export async function askHardware(instance: RunningInstance, signal: AbortSignal): Promise<GuestHardware> {
  const answers = TOPICS.map(async (topic) => [topic.name, await ask(topic, instance, signal)] as const);
  return new Map(await Promise.all(answers));
}

/** Sentences; none: they are the same. */
export function hardwareDifferences(source: GuestHardware, target: GuestHardware): readonly string[] {
  const differences: string[] = [];
  for (const [topic, had] of source) {
    const has = target.get(topic) ?? null;
    if (had === null || has === null) continue;
    for (const [name, said] of had) {
      const other = has.get(name);
      if (other === undefined) differences.push(`the target lacks ${topic} ${name}`);
      else differences.push(...changes(said, other).map((change) => `${topic} ${name} has ${change}`));
    }
    for (const name of has.keys()) {
      if (!had.has(name)) differences.push(`the target has a ${topic} ${name} that the source has not`);
    }
  }
  const more = differences.length - MAX_DIFFERENCES;
  return more > 0 ? [...differences.slice(0, MAX_DIFFERENCES), `${more} more`] : differences;
}

/** Versions of a VMM differ in how much they say: what one of them leaves out is not compared. */
function changes(said: Said, other: Said): readonly string[] {
  return Object.keys(said)
    .filter((key) => other[key] !== undefined && inOrder(said[key]) !== inOrder(other[key]))
    .map((key) => `${key} ${inOrder(other[key])} instead of ${inOrder(said[key])}`);
}

async function ask(
  { command, args = {}, read }: Topic,
  instance: RunningInstance,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Said> | null> {
  try {
    const answer = await instance.qmp.execute(command, args, { signal });
    if (!Array.isArray(answer)) throw new Error(`expected ${command} to return an array`);
    const said = answer.filter(isRecord).flatMap((element) => {
      const known = read(element);
      return known === null ? [] : [known];
    });
    return new Map(said);
  } catch (error) {
    if (error instanceof QmpCommandError) return null;
    throw error;
  }
}

function isChild(type: unknown): boolean {
  return typeof type === 'string' && type.startsWith('child<');
}

/** As QEMU makes them up; they are counted in each process anew. */
function isMadeUp(name: unknown): boolean {
  return String(name).startsWith('#');
}

/** As QEMU names those of `-qmp` and `-monitor`: no guest sees them, and an adopted machine gets one more. */
function isMonitor(label: unknown): boolean {
  return /^compat_monitor\d+$/.test(String(label));
}

function nameOf(qdev: unknown, device: unknown): string {
  return typeof qdev === 'string' ? qdev : String(device);
}

function insertedIn(inserted: unknown): Said {
  const { 'node-name': node = null, file = null, drv = null } = isRecord(inserted) ? inserted : {};
  return { node, file, drv };
}

/** "unix:/path,server=on" or "disconnected:unix:…" → "unix": the path is that of a generation. */
function backendOf(filename: unknown): string {
  return String(filename)
    .replace(/^disconnected:/, '')
    .replace(/:.*$/s, '');
}

/** JSON in which the order of members makes no difference. */
function inOrder(value: unknown): string {
  return JSON.stringify(value, (_, member) =>
    isRecord(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}
