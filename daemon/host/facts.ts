/** What this host has, as it is now. Reads and asks; decides nothing. What cannot be found out is null. */
import { constants } from 'node:fs';
import { access, readdir, readFile, stat, statfs } from 'node:fs/promises';
import { arch, availableParallelism, hostname, release, totalmem } from 'node:os';
import { messageOf } from '../errors.js';
import { runsVmmsAsRoot } from '../instance/vmm-user.js';

const TMPFS_MAGIC = 0x01021994;
const KIB = 1024;

export interface FolderRoom {
  readonly path: string;
  readonly totalBytes: number;
  /** For the daemon, without what is kept back for root. */
  readonly freeBytes: number;
  /** Whether it is memory. */
  readonly isTmpfs: boolean;
}

export type DeviceAccess = 'usable' | 'forbidden' | 'missing';

export interface HugePages {
  readonly total: number;
  readonly free: number;
  readonly sizeBytes: number;
}

export interface HostFacts {
  readonly hostname: string;
  readonly kernel: string;
  readonly architecture: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly memoryAvailableBytes: number | null;
  readonly hugePages: HugePages | null;
  readonly stateDir: FolderRoom | null;
  readonly runtimeDir: FolderRoom | null;
  readonly nodeVersion: string;
  /** Of this process. */
  readonly fileLimit: number | null;
  readonly openFiles: number | null;
  readonly kvm: DeviceAccess;
  readonly tun: DeviceAccess;
  readonly hasSystemd: boolean;
  readonly runsVmmsAsRoot: boolean;
}

export interface Folders {
  readonly stateDir: string;
  readonly runtimeDir: string;
}

export async function readHostFacts({ stateDir, runtimeDir }: Folders): Promise<HostFacts> {
  const meminfo = (await textOf('/proc/meminfo')) ?? '';
  const limits = (await textOf('/proc/self/limits')) ?? '';
  return {
    hostname: hostname(),
    kernel: release(),
    architecture: arch(),
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
    memoryAvailableBytes: scaled(meminfo, /^MemAvailable:\s+(\d+) kB$/m, KIB),
    hugePages: hugePagesIn(meminfo),
    stateDir: await roomOf(stateDir),
    runtimeDir: await roomOf(runtimeDir),
    nodeVersion: process.versions.node,
    fileLimit: scaled(limits, /^Max open files\s+(\d+)/m, 1),
    openFiles: await readdir('/proc/self/fd').then(
      (names) => names.length,
      () => null,
    ),
    kvm: await accessTo('/dev/kvm'),
    tun: await accessTo('/dev/net/tun'),
    hasSystemd: await isThere('/run/systemd/system'),
    runsVmmsAsRoot: runsVmmsAsRoot(),
  };
}

function hugePagesIn(meminfo: string): HugePages | null {
  const total = scaled(meminfo, /^HugePages_Total:\s+(\d+)$/m, 1);
  const free = scaled(meminfo, /^HugePages_Free:\s+(\d+)$/m, 1);
  const sizeBytes = scaled(meminfo, /^Hugepagesize:\s+(\d+) kB$/m, KIB);
  return total === null || free === null || sizeBytes === null ? null : { total, free, sizeBytes };
}

function scaled(text: string, pattern: RegExp, factor: number): number | null {
  const digits = pattern.exec(text)?.[1];
  return digits === undefined ? null : Number(digits) * factor;
}

function textOf(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch(() => null);
}

async function roomOf(path: string): Promise<FolderRoom | null> {
  try {
    const { blocks, bavail, bsize, type } = await statfs(path);
    return {
      path,
      totalBytes: blocks * bsize,
      freeBytes: bavail * bsize,
      isTmpfs: type === TMPFS_MAGIC,
    };
  } catch {
    return null;
  }
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function accessTo(device: string): Promise<DeviceAccess> {
  try {
    await access(device, constants.R_OK | constants.W_OK);
    return 'usable';
  } catch (error) {
    const isMissing = /ENOENT|ENOTDIR/.test(messageOf(error));
    return isMissing ? 'missing' : 'forbidden';
  }
}
