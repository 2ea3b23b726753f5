/** A machine's document as it is written, and as the daemon keeps it: with nothing left open. */
import type { Static } from 'typebox';
import { DEFAULT_HOST_POLICY, type Machine, type MachineSpec } from '../machine.js';
import { hardwareOf } from './hardware-schemas.js';
import type { NewMachine } from './machine-schemas.js';

type Document = Static<typeof NewMachine>;

/** Throws a `BatonError` when members do not go together. */
export function specOf(document: Document): MachineSpec {
  const { memoryMiB, vcpus = 1, kernel, initrd, commandLine, firmware } = document;
  const { onHostShutdown, onHostBoot } = { ...DEFAULT_HOST_POLICY, ...document };
  return {
    memoryMiB,
    vcpus,
    kernel: kernel ?? null,
    initrd: initrd ?? null,
    commandLine: commandLine ?? null,
    firmware: firmware ?? null,
    onHostShutdown,
    onHostBoot,
    ...hardwareOf(document),
  };
}

/** The document with some members replaced. A null, kept or asked for, is a member that is left out. */
export function changedDocument({ name, labels, spec }: Machine, change: Record<string, unknown>): Document {
  return withoutNulls({ name, labels, ...spec, ...change }) as Document;
}

/** Whether the guest has nothing to do with what is to be changed. */
export function isOfLabelsOnly(change: Record<string, unknown>): boolean {
  return Object.keys(change).every((name) => name === 'labels');
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(members.map(([name, member]) => [name, withoutNulls(member)]));
}
