/** Whether the host has room: on disk for a state that goes through a file, in memory for a second VMM. */
import { readFile, statfs } from 'node:fs/promises';
import type { MachineSpec } from '../machine.js';
import type { UpgradeMode } from '../upgrade.js';
import type { Finding } from './finding.js';

const MIB = 1024 * 1024;
/** Device state without guest memory was seen to have up to a few MiB. */
const DEVICE_STATE_MIB = 16;
/** What a second VMM takes beside the guest's memory, which is there once. */
const SECOND_VMM_MIB = 192;

/** Where the daemon keeps states of guests. */
export interface StateFolders {
  /** While the guest stands still. */
  readonly runtimeDir: string;
  /** For as long as it takes, with all of its memory. */
  readonly stateDir: string;
}

export function stateFileBytes({ memoryMiB }: Pick<MachineSpec, 'memoryMiB'>, mode: UpgradeMode): number {
  if (mode === 'cpr-transfer') return 0;
  return (DEVICE_STATE_MIB + (mode === 'cpr-reboot' ? memoryMiB : 0)) * MIB;
}

export async function diskFindings(
  spec: Pick<MachineSpec, 'memoryMiB'>,
  mode: UpgradeMode,
  { runtimeDir, stateDir }: StateFolders,
): Promise<readonly Finding[]> {
  const neededBytes = stateFileBytes(spec, mode);
  if (neededBytes === 0) return [];
  const folder = mode === 'cpr-reboot' ? stateDir : runtimeDir;
  const { bavail, bsize } = await statfs(folder);
  const freeBytes = bavail * bsize;
  if (freeBytes >= neededBytes) return [];
  const sizes = `${inMiB(neededBytes)} MiB of room in ${folder}, but there are ${inMiB(freeBytes)} MiB`;
  const sentence = `the state of the guest needs ${sizes}`;
  const remedy = 'make room there, or choose a mode that goes without a file';
  return [{ code: 'disk_space_low', severity: 'block', sentence, remedy }];
}

/** Where all of the memory goes through a file both VMMs have it: one that gets none may take the other with it. */
export async function memoryFindings(
  { memoryMiB }: Pick<MachineSpec, 'memoryMiB'>,
  mode: UpgradeMode,
): Promise<readonly Finding[]> {
  const [, kib] = /^MemAvailable:\s+(\d+) kB$/m.exec(await readFile('/proc/meminfo', 'utf8')) ?? [];
  const availableMiB = kib === undefined ? null : Math.floor(Number(kib) / 1024);
  const isTwice = mode === 'cpr-reboot';
  const neededMiB = SECOND_VMM_MIB + (isTwice ? memoryMiB : 0);
  if (availableMiB === null || availableMiB >= neededMiB) return [];
  const sentence = `a second VMM may take ${neededMiB} MiB, but the host has ${availableMiB} MiB left`;
  const remedy = isTwice
    ? 'make memory free, or suspend the machine and restore it on the other build'
    : 'make memory free: a target that gets none ends, and the machine stays on its source';
  return [{ code: 'host_memory_low', severity: isTwice ? 'block' : 'warn', sentence, remedy }];
}

function inMiB(bytes: number): number {
  return Math.floor(bytes / MIB);
}
