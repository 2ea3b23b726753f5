/** Whether this host is fit to run machines: what was looked at, what was found, and what would help. Pure. */
import type { Build } from '../build.js';
import type { DeviceAccess, FolderRoom, HostFacts } from './facts.js';

/** Every code there is; never reused for something else. */
export const HOST_CHECKS = {
  node_version: 'the version of Node that the daemon runs on',
  kernel_version: 'whether the kernel has what the daemon asks of it',
  systemd: 'whether VMMs get units of their own',
  vmm_user: 'whether VMMs have a user of their own',
  kvm: 'whether guests can run on the processor itself',
  tun: 'whether guests can have tap interfaces',
  memory: 'the memory of the host against that of its guests',
  huge_pages: 'memory that is kept from guests',
  state_room: 'the disk of the state folder',
  runtime_room: 'the file system of the runtime folder',
  socket_paths: 'the length of the paths of sockets',
  file_descriptors: 'how many files the daemon may have open',
  build_files: 'whether the files of a build are what was registered',
  builds: 'whether there is something to run machines on',
} as const;
export type HostCheckCode = keyof typeof HOST_CHECKS;

export const CHECK_SEVERITIES = [
  /** As it should be. */
  'ok',
  /** Something that is not there and may not be needed. */
  'info',
  /** Some of what the daemon is asked for will fail. */
  'warn',
  /** Nothing will work. */
  'block',
] as const;
export type CheckSeverity = (typeof CHECK_SEVERITIES)[number];

export interface HostCheck {
  readonly code: HostCheckCode;
  readonly severity: CheckSeverity;
  readonly sentence: string;
  /** Null: nothing is to be done. */
  readonly remedy: string | null;
}

/** What the daemon keeps on this host. */
export interface Inventory {
  readonly machines: number;
  /** Of machines that have a process now. */
  readonly runningMemoryMiB: number;
  readonly largestMemoryMiB: number;
  readonly builds: readonly Build[];
}

const MIB = 1024 * 1024;
const STATE_ROOM_NEEDED_MIB = 64;
const STATE_ROOM_WANTED_MIB = 1024;
const RUNTIME_ROOM_WANTED_MIB = 64;
const OLDEST_NODE = [20, 19] as const;
/** close_range, pidfd and openat2 are in it, and it is the oldest that is still cared for. */
const OLDEST_KERNEL = [5, 10] as const;
/** sockaddr_un holds 108 bytes, one of them the end of the string. */
const MAX_SOCKET_PATH_BYTES = 107;
const LONGEST_SOCKET = '/12345678/9999999/main.sock';
const FILES_OF_DAEMON = 256;
/** Monitors, consoles and logs, and as much again while it is upgraded. */
const FILES_OF_MACHINE = 16;

export const VMMS_OF_ROOT = {
  sentence: 'VMMs run as root: a guest that breaks out of one has the whole host',
  remedy: 'set vmm.user to a user of their own, as `batond-setup install` makes one, and start machines anew',
};

const ok = (code: HostCheckCode, sentence: string): HostCheck => ({
  code,
  severity: 'ok',
  sentence,
  remedy: null,
});
const found = (
  code: HostCheckCode,
  severity: CheckSeverity,
  sentence: string,
  remedy: string,
): HostCheck => ({ code, severity, sentence, remedy });

export function checkHost(facts: HostFacts, inventory: Inventory): HostCheck[] {
  return [
    checkNode(facts),
    checkKernel(facts),
    checkSystemd(facts),
    checkVmmUser(facts),
    checkDevice('kvm', '/dev/kvm', 'guests run on an emulated processor, slowly', facts.kvm),
    checkDevice('tun', '/dev/net/tun', 'guests can have no tap interfaces', facts.tun),
    checkMemory(facts, inventory),
    checkHugePages(facts),
    checkStateRoom(facts.stateDir, inventory),
    checkRuntimeRoom(facts.runtimeDir),
    checkSocketPaths(facts.runtimeDir),
    checkFiles(facts, inventory),
    checkBuilds(inventory),
    ...inventory.builds.map(checkBuild),
  ];
}

function checkNode({ nodeVersion }: HostFacts): HostCheck {
  if (isAtLeast(nodeVersion, OLDEST_NODE))
    return ok('node_version', `the daemon runs on Node ${nodeVersion}`);
  const sentence = `the daemon runs on Node ${nodeVersion}, and ${OLDEST_NODE.join('.')} is the oldest it works on`;
  return found('node_version', 'block', sentence, 'install a later Node and restart the daemon');
}

function checkKernel({ kernel }: HostFacts): HostCheck {
  if (isAtLeast(kernel, OLDEST_KERNEL)) return ok('kernel_version', `the kernel is Linux ${kernel}`);
  const sentence = `the kernel is Linux ${kernel}, older than ${OLDEST_KERNEL.join('.')}`;
  return found('kernel_version', 'warn', sentence, 'boot a later kernel: this one was not tested');
}

function checkSystemd({ hasSystemd }: HostFacts): HostCheck {
  if (hasSystemd) return ok('systemd', 'systemd runs this host: VMMs can have units of their own');
  const sentence = 'no systemd runs this host: VMMs are processes in the session of their own';
  const remedy = 'see to it that what ends the daemon does not end its children with it';
  return found('systemd', 'info', sentence, remedy);
}

function checkVmmUser({ runsVmmsAsRoot }: HostFacts): HostCheck {
  if (!runsVmmsAsRoot) return ok('vmm_user', 'VMMs do not run as root');
  const { sentence, remedy } = VMMS_OF_ROOT;
  return found('vmm_user', 'warn', sentence, remedy);
}

function checkDevice(code: 'kvm' | 'tun', path: string, without: string, access: DeviceAccess): HostCheck {
  if (access === 'usable') return ok(code, `${path} can be used`);
  if (access === 'forbidden') {
    const remedy = `let the daemon's user read and write ${path}, by its group`;
    return found(code, 'warn', `${path} is there and must not be opened: ${without}`, remedy);
  }
  const remedy = `load the kernel's module for it, if this host can have one`;
  return found(code, 'info', `${path} is not there: ${without}`, remedy);
}

function checkMemory({ memoryBytes, memoryAvailableBytes }: HostFacts, inventory: Inventory): HostCheck {
  const { runningMemoryMiB, largestMemoryMiB } = inventory;
  const hostMiB = Math.floor(memoryBytes / MIB);
  const machines = `guests that run have ${runningMemoryMiB} MiB of the ${hostMiB} MiB of this host`;
  const remedy = 'stop or suspend some, or give them less';
  if (runningMemoryMiB > hostMiB) return found('memory', 'warn', machines, remedy);
  const availableMiB = memoryAvailableBytes === null ? hostMiB : Math.floor(memoryAvailableBytes / MIB);
  if (availableMiB >= largestMemoryMiB) return ok('memory', `${machines}; ${availableMiB} MiB can be had`);
  const sentence = `${availableMiB} MiB can be had, and the largest machine has ${largestMemoryMiB} MiB: it may not start`;
  return found('memory', 'warn', sentence, remedy);
}

function checkHugePages({ hugePages, memoryBytes }: HostFacts): HostCheck {
  if (hugePages === null || hugePages.total === 0) {
    return ok('huge_pages', 'no memory is set aside as huge pages, which the daemon gives no guest');
  }
  const { total, sizeBytes } = hugePages;
  const setAsideMiB = Math.floor((total * sizeBytes) / MIB);
  const sentence = `${setAsideMiB} MiB are set aside as huge pages, which the daemon gives no guest`;
  const severity = total * sizeBytes > memoryBytes / 2 ? 'warn' : 'info';
  return found('huge_pages', severity, sentence, 'set vm.nr_hugepages to what other programs need');
}

function checkStateRoom(room: FolderRoom | null, { largestMemoryMiB }: Inventory): HostCheck {
  if (room === null) return unknown('state_room', 'state folder');
  const freeMiB = Math.floor(room.freeBytes / MIB);
  const remedy = `make room below ${room.path}, or put it on a larger disk`;
  const sentence = `${freeMiB} MiB are free below ${room.path}`;
  if (freeMiB < STATE_ROOM_NEEDED_MIB) {
    return found('state_room', 'block', `${sentence}: soon nothing can be written down`, remedy);
  }
  if (room.isTmpfs) {
    const why = `${room.path} is memory: a reboot of the host takes the inventory and all saved guests away`;
    return found('state_room', 'warn', why, 'put the state folder on a disk');
  }
  if (freeMiB < STATE_ROOM_WANTED_MIB) return found('state_room', 'warn', sentence, remedy);
  if (freeMiB < largestMemoryMiB) {
    const why = `${sentence}: the largest machine has ${largestMemoryMiB} MiB and cannot be suspended`;
    return found('state_room', 'warn', why, remedy);
  }
  return ok('state_room', sentence);
}

function checkRuntimeRoom(room: FolderRoom | null): HostCheck {
  if (room === null) return unknown('runtime_room', 'runtime folder');
  const freeMiB = Math.floor(room.freeBytes / MIB);
  const sentence = `${freeMiB} MiB are free below ${room.path}`;
  if (freeMiB >= RUNTIME_ROOM_WANTED_MIB) return ok('runtime_room', sentence);
  return found('runtime_room', 'warn', `${sentence}: upgrades may fail`, `make room below ${room.path}`);
}

function checkSocketPaths(room: FolderRoom | null): HostCheck {
  if (room === null) return unknown('socket_paths', 'runtime folder');
  const bytes = Buffer.byteLength(room.path + LONGEST_SOCKET);
  const sentence = `paths of sockets have up to ${bytes} of ${MAX_SOCKET_PATH_BYTES} bytes`;
  if (bytes <= MAX_SOCKET_PATH_BYTES) return ok('socket_paths', sentence);
  return found('socket_paths', 'block', sentence, 'choose a runtime folder with a shorter path');
}

function checkFiles({ fileLimit, openFiles }: HostFacts, { machines }: Inventory): HostCheck {
  if (fileLimit === null) return ok('file_descriptors', 'the daemon may have as many files open as it likes');
  const wanted = FILES_OF_DAEMON + machines * FILES_OF_MACHINE;
  const sentence = `the daemon may have ${fileLimit} files open, has ${openFiles ?? 'some'}, and may need ${wanted} for ${machines} machines`;
  if (fileLimit >= wanted) return ok('file_descriptors', sentence);
  return found('file_descriptors', 'warn', sentence, 'raise LimitNOFILE= of its unit, or ulimit -n');
}

function checkBuilds({ builds }: Inventory): HostCheck {
  const usable = builds.filter(({ fileState }) => fileState === 'as-registered').length;
  if (usable > 0) return ok('builds', `${usable} builds can be started`);
  const remedy = 'register one with POST /v1/builds';
  return found('builds', 'block', 'no build can be started', remedy);
}

function checkBuild({ id, path, fileState }: Build): HostCheck {
  if (fileState === 'as-registered') return ok('build_files', `build ${id} is what was registered: ${path}`);
  const what = fileState === 'deleted' ? 'is not there any more' : 'is not what was registered';
  const remedy = 'upgrade the machines that run it, or put back what was there';
  return found('build_files', 'warn', `what build ${id} runs, ${path}, ${what}`, remedy);
}

function unknown(code: HostCheckCode, folder: string): HostCheck {
  return found(code, 'warn', `the ${folder} cannot be looked at`, 'see that it is there and may be read');
}

function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [, first = 0, second = 0] = (/^(\d+)\.(\d+)/.exec(version) ?? []).map(Number);
  return first > major || (first === major && second >= minor);
}
