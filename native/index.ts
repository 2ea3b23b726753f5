/**
 * What Node cannot do: memory with a descriptor mapped under a WebAssembly memory, descriptors passed over unix
 * sockets, FIFOs, holes in files, exec, process descriptors, locks of open file descriptions, tap interfaces,
 * pseudoterminals. Linux only. Usable in the main thread and in workers.
 *
 * Arguments are checked here (TypeError, RangeError); a failed system call is a `NativeError`. No call but
 * `pwritevTimed` blocks the thread. A descriptor that a call returns is closed on exec and belongs to the caller, who closes it with
 * `closeFd`: nothing else will, not even the end of a worker.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Addon, PeerCredentials, ReceivedMessage, TapDescription } from './addon.js';
import {
  requireBytes,
  requireFd,
  requireFds,
  requireInteger,
  requirePath,
  requireText,
  requireTexts,
} from './arguments.js';
import { NativeError } from './error.js';

export type { PeerCredentials, ReceivedMessage, TapDescription } from './addon.js';
export { NativeError } from './error.js';

/** Events of `pollFd`, as Linux numbers them. The last two are reported whether asked for or not. */
export const POLLIN = 0x1;
export const POLLPRI = 0x2;
export const POLLOUT = 0x4;
export const POLLRDHUP = 0x2000;
export const POLLERR = 0x8;
export const POLLHUP = 0x10;

/** The kernel's limit of descriptors in one message (SCM_MAX_FD). */
export const MAX_MESSAGE_FDS = 253;
/** Memory set aside by one `receiveMessage`: more than a unix socket can hold at its usual limits. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
/** A wait cannot be called off, so none may be long: callers look at what they wait for and wait again. */
export const MAX_POLL_MS = 10_000;
/** The kernel's limit: 255 with its own prefix `memfd:`. */
const MAX_MEMFD_NAME_BYTES = 249;
const MAX_POLL_EVENTS = 0x7fff;
/** struct virtio_net_hdr_v1_hash_tunnel, the longest there is. */
const MAX_TAP_HEADER_BYTES = 24;
/** All bits of TUN_F_* that may be. */
const MAX_TAP_OFFLOADS = 0xffff;
/** SIGRTMAX. */
const MAX_SIGNAL = 64;
const MAX_INT32 = 2 ** 31 - 1;

/** Beside the compiled façade, or where node-gyp leaves it: seen from native/ and from dist/native/. */
const ADDON_LOCATIONS = [
  './baton.node',
  './build/Release/baton.node',
  '../../native/build/Release/baton.node',
];

let loadedAddon: Addon | undefined;

/** Loads on first use, so that what needs no system call (`-help`, types, fakes) needs no addon. */
function addon(): Addon {
  loadedAddon ??= loadAddon();
  return loadedAddon;
}

function loadAddon(): Addon {
  const paths = ADDON_LOCATIONS.map((location) => fileURLToPath(new URL(location, import.meta.url)));
  const path = paths.find((candidate) => existsSync(candidate));
  if (path === undefined) {
    throw new Error(
      `the native addon is not built: run \`npm run build:native\` (looked for ${paths.join(', ')})`,
    );
  }
  const module = { exports: {} };
  try {
    process.dlopen(module, path);
  } catch (cause) {
    throw new Error(
      `the native addon ${path} cannot be loaded: run \`npm run build:native\` on this machine`,
      {
        cause,
      },
    );
  }
  const loaded = module.exports as Addon;
  loaded.setErrorClass(NativeError);
  return loaded;
}

/** Anonymous memory of `sizeBytes` zero bytes behind a descriptor. `name` is only for people (/proc/PID/fd). */
export function createMemfd(name: string, sizeBytes: number): number {
  requireText('name', name);
  requireInteger('the length of name in bytes', Buffer.byteLength(name), 0, MAX_MEMFD_NAME_BYTES);
  requireInteger('sizeBytes', sizeBytes, 1, Number.MAX_SAFE_INTEGER);
  return addon().createMemfd(name, sizeBytes);
}

/**
 * Puts the pages of `fd` from `fdOffsetBytes` on under exactly the bytes of `view`, shared with everybody else who
 * has them mapped; what the view held is lost. The view is over the memory of a WebAssembly.Memory that will not
 * grow (shared, or maximum = initial). Address, length and offset must be whole pages, and the file long enough.
 * The descriptor may be closed afterwards. After an error the view is as it was.
 */
export function mapShared(view: Uint8Array, fd: number, fdOffsetBytes: number): void {
  requireBytes('view', view);
  requireFd('fd', fd);
  requireInteger('fdOffsetBytes', fdOffsetBytes, 0, Number.MAX_SAFE_INTEGER - view.length);
  addon().mapShared(view, fd, fdOffsetBytes);
}

/** Undoes `mapShared`: private zero pages under `view`. The file keeps its content. */
export function unmapShared(view: Uint8Array): void {
  requireBytes('view', view);
  addon().unmapShared(view);
}

/**
 * Gives the memory of whole pages of a WebAssembly.Memory back: they read as zeros until they are written again. Pages
 * that `mapShared` put there are taken out of their file, for everybody who has them. EOPNOTSUPP: that file has no holes.
 */
export function discardPages(view: Uint8Array): void {
  requireBytes('view', view);
  addon().discardPages(view);
}

/** A non-blocking listening socket. A socket file at `path` is replaced, any other file is EADDRINUSE. */
export function listenUnix(path: string, backlog: number): number {
  requirePath('path', path);
  requireInteger('backlog', backlog, 0, MAX_INT32);
  return addon().listenUnix(path, backlog);
}

/** The next connection (non-blocking), or null when none waits. */
export function acceptUnix(fd: number): number | null {
  requireFd('fd', fd);
  return addon().acceptUnix(fd);
}

/** A non-blocking connected socket. ECONNREFUSED: nobody listens; EAGAIN: the backlog is full, try again. */
export function connectUnix(path: string): number {
  requirePath('path', path);
  return addon().connectUnix(path);
}

/**
 * Sends `data` with copies of `fds` and returns how many bytes went; the descriptors go with the first of
 * them, so a caller sends the rest without. Throws EAGAIN when the socket is full and EPIPE when it is closed.
 */
export function sendMessage(fd: number, data: Uint8Array, fds: readonly number[]): number {
  requireFd('fd', fd);
  requireBytes('data', data);
  requireFds('fds', fds, MAX_MESSAGE_FDS);
  return addon().sendMessage(fd, data, fds);
}

/**
 * What has arrived, or null when nothing has; empty data is the end of the stream. One call returns the
 * descriptors of at most one `sendMessage`. More than `maxFds` is EMSGSIZE: that data is lost and all
 * descriptors are closed, so the connection is of no more use.
 */
export function receiveMessage(fd: number, maxBytes: number, maxFds: number): ReceivedMessage | null {
  requireFd('fd', fd);
  requireInteger('maxBytes', maxBytes, 1, MAX_MESSAGE_BYTES);
  requireInteger('maxFds', maxFds, 0, MAX_MESSAGE_FDS);
  return addon().receiveMessage(fd, maxBytes, maxFds);
}

/**
 * Resolves with the events that `fd` has (POLLERR and POLLHUP are always among the asked), or 0 when none came in
 * `timeoutMs`. The wait is the event loop's, so it holds up neither the end of a worker nor `process.exit`.
 * EAGAIN: hundreds of waits for one file are under way.
 */
export async function pollFd(fd: number, events: number, timeoutMs: number): Promise<number> {
  requireFd('fd', fd);
  requireInteger('events', events, 0, MAX_POLL_EVENTS);
  requireInteger('timeoutMs', timeoutMs, 0, MAX_POLL_MS);
  return addon().pollFd(fd, events, timeoutMs);
}

/** Which of `events` the descriptor has now, POLLERR and POLLHUP among them. */
export function readyEvents(fd: number, events: number): number {
  requireFd('fd', fd);
  requireInteger('events', events, 0, MAX_POLL_EVENTS);
  return addon().pollFd(fd, events, 0) as number;
}

/**
 * Reads up to the length of `into`; 0 is the end. null: nothing has come (a descriptor that is not non-blocking waits
 * instead). A terminal whose other side nobody has open is EIO.
 */
export function readFd(fd: number, into: Uint8Array): number | null {
  requireFd('fd', fd);
  requireBytes('into', into);
  return addon().readFd(fd, into);
}

/** Returns how many bytes went; null: there is no room. EPIPE: nobody will read. */
export function writeFd(fd: number, data: Uint8Array): number | null {
  requireFd('fd', fd);
  requireBytes('data', data);
  return addon().writeFd(fd, data);
}

/** One write of several pieces one after the other; as `writeFd`. At most 1024 of them. */
export function writePieces(fd: number, pieces: readonly Uint8Array[]): number | null {
  requireFd('fd', fd);
  return addon().writePieces(fd, pieces);
}

/** Tells again and again, once in each turn of the event loop, while `fd` has what it is set to. */
export interface FdWatch {
  /** At first 0: nothing. With others, POLLERR and POLLHUP are told too. */
  set(events: number): void;
  /** Before `fd` is closed. May be called by `onReady`, which hears no more. */
  end(): void;
}

/** EPERM: files and some devices cannot be watched, and are always ready. The event loop lives until the end. */
export function watchFd(fd: number, onReady: (events: number) => void): FdWatch {
  requireFd('fd', fd);
  const watch = addon().watchFd(fd, onReady);
  return {
    set(events) {
      requireInteger('events', events, 0, MAX_POLL_EVENTS);
      addon().setWatch(watch, events);
    },
    end: () => addon().endWatch(watch),
  };
}

/** Ends our side of a connection; the peer reads the end of the stream, and can still send. */
export function shutdownWrite(fd: number): void {
  requireFd('fd', fd);
  addon().shutdownWrite(fd);
}

/**
 * How much of what was sent on a unix stream socket the peer has not read yet, in bytes of the kernel's memory:
 * 0 exactly when it has read all of it.
 */
export function unreadBytes(fd: number): number {
  requireFd('fd', fd);
  return addon().unreadBytes(fd);
}

/** How much has come and was not read yet. */
export function readableBytes(fd: number): number {
  requireFd('fd', fd);
  return addon().readableBytes(fd);
}

/**
 * One datagram to a unix socket: a path, or `@` and an abstract name. Does not wait. EAGAIN: its queue is full;
 * ECONNREFUSED, ENOENT: nobody is there.
 */
export function sendDatagram(address: string, data: Uint8Array): void {
  requirePath('address', address);
  requireBytes('data', data);
  addon().sendDatagram(address, data);
}

/** Closes a descriptor that this module returned. Its number is free at once, even after an error. */
export function closeFd(fd: number): void {
  requireFd('fd', fd);
  addon().closeFd(fd);
}

/**
 * A counter, at first 0 and non-blocking: `writeFd` of a 64-bit number adds to it, `readFd` of 8 bytes takes all of it, and
 * gives null while it is 0. POLLIN: it is not 0.
 */
export function createEventFd(): number {
  return addon().createEventFd();
}

/** A timer that is not set, non-blocking. POLLIN: its time has come, until it is set again. */
export function createTimerFd(): number {
  return addon().createTimerFd();
}

/** Sets it to go off once, in so many nanoseconds; 0: not at all. */
export function setTimerFd(fd: number, delayNs: number): void {
  requireFd('fd', fd);
  requireInteger('delayNs', delayNs, 0, Number.MAX_SAFE_INTEGER);
  addon().setTimerFd(fd, delayNs);
}

export function setCloseOnExec(fd: number, on: boolean): void {
  requireFd('fd', fd);
  if (typeof on !== 'boolean') throw new TypeError(`expected on to be a boolean, got ${String(on)}`);
  addon().setCloseOnExec(fd, on);
}

/** For all who share the open file description with `fd`, in other processes too. */
export function setNonBlocking(fd: number): void {
  requireFd('fd', fd);
  addon().setNonBlocking(fd);
}

/** Another descriptor of the same open file: position, locks and non-blocking are shared. */
export function duplicateFd(fd: number): number {
  requireFd('fd', fd);
  return addon().duplicateFd(fd);
}

/** Makes `replaced` another descriptor of what `fd` is; what it was is closed. It stays open over exec. */
export function replaceInheritableFd(fd: number, replaced: number): void {
  requireFd('fd', fd);
  requireFd('replaced', replaced);
  addon().replaceInheritableFd(fd, replaced);
}

/** A pipe with a name, for the owner only. EEXIST: something is there. */
export function makeFifo(path: string): void {
  requirePath('path', path);
  addon().makeFifo(path);
}

/**
 * Gives the disk space of a range back; the file keeps its length and reads as zeros there. Only whole blocks of
 * the file system become free. EOPNOTSUPP: the file system has no holes.
 */
export function punchHole(fd: number, startBytes: number, lengthBytes: number): void {
  requireFd('fd', fd);
  requireInteger('startBytes', startBytes, 0, Number.MAX_SAFE_INTEGER);
  requireInteger('lengthBytes', lengthBytes, 1, Number.MAX_SAFE_INTEGER - startBytes);
  addon().punchHole(fd, startBytes, lengthBytes);
}

/**
 * Where the first data at or after `fromBytes` is that is no hole; null: there is only hole up to the end. Moves
 * the descriptor's own offset: read it at given positions only.
 */
export function findData(fd: number, fromBytes: number): number | null {
  requireFd('fd', fd);
  requireInteger('fromBytes', fromBytes, 0, Number.MAX_SAFE_INTEGER);
  return addon().findData(fd, fromBytes);
}

/** The kernel's limit of segments in one call (IOV_MAX). */
export const MAX_SEGMENTS = 1024;

/**
 * Reads into these views, one after the other, what needs no waiting: what is in the page cache, up to the end of the
 * file. Returns the bytes read, fewer when the rest would have to be waited for; null when that is true of the first.
 */
export function preadvNowait(fd: number, views: readonly Uint8Array[], fromBytes: number): number | null {
  requireFd('fd', fd);
  requireInteger('the number of views', views.length, 1, MAX_SEGMENTS);
  requireInteger('fromBytes', fromBytes, 0, Number.MAX_SAFE_INTEGER);
  return addon().preadvNowait(fd, views, fromBytes);
}

/**
 * Writes these views, one after the other, and waits as long as that takes. Returns for how long it slept, in
 * nanoseconds: 0 when it only copied into the page cache. null: an error, or not all was written; who writes it again
 * by other means learns why.
 */
export function pwritevTimed(fd: number, views: readonly Uint8Array[], fromBytes: number): number | null {
  requireFd('fd', fd);
  requireInteger('the number of views', views.length, 1, MAX_SEGMENTS);
  requireInteger('fromBytes', fromBytes, 0, Number.MAX_SAFE_INTEGER);
  return addon().pwritevTimed(fd, views, fromBytes);
}

/** How a range is cleared: of a file, or of a block device; `discard` may leave anything behind. */
export type Clearing = 'punch-hole' | 'zero-range' | 'discard-device' | 'zero-device';

/** N.B. Keep in sync with `clear` in native/src/block.cpp. */
const CLEARINGS: readonly Clearing[] = ['punch-hole', 'zero-range', 'discard-device', 'zero-device'];

/**
 * Clears a range on Node's thread pool; a file keeps its length. EOPNOTSUPP: the file system or the device cannot do
 * this. The descriptor must stay open meanwhile.
 */
export async function clearRange(
  fd: number,
  how: Clearing,
  startBytes: number,
  lengthBytes: number,
): Promise<void> {
  requireFd('fd', fd);
  requireInteger('how', CLEARINGS.indexOf(how), 0, CLEARINGS.length - 1);
  requireInteger('startBytes', startBytes, 0, Number.MAX_SAFE_INTEGER);
  requireInteger('lengthBytes', lengthBytes, 1, Number.MAX_SAFE_INTEGER - startBytes);
  await addon().clearRange(fd, CLEARINGS.indexOf(how), startBytes, lengthBytes);
}

/** The size of a file or a block device. */
export function endOfFile(fd: number): number {
  requireFd('fd', fd);
  return addon().endOfFile(fd);
}

/** How far the memory of a view is behind a multiple of `alignmentBytes`. Views below a page may be moved later. */
export function misalignment(view: Uint8Array, alignmentBytes: number): number {
  requireBytes('view', view);
  requireInteger('alignmentBytes', alignmentBytes, 1, 2 ** 30);
  return addon().misalignment(view, alignmentBytes);
}

/**
 * Replaces the program of this process, which keeps its number and, by number, descriptors 0, 1, 2 and `keepFds`;
 * all others that are closed on exec close. No signal is blocked or ignored in the new program. `path` is not
 * searched for; `argv` includes the program's name; `envp` has NAME=value. Nothing of this process runs any more:
 * no exit handler, no flush. When the exec fails, throws, and the process goes on as it was.
 */
export function execve(
  path: string,
  argv: readonly string[],
  envp: readonly string[],
  keepFds: readonly number[],
): never {
  requirePath('path', path);
  requireTexts('argv', argv);
  if (argv.length === 0) throw new RangeError('expected argv to have at least the name of the program');
  requireTexts('envp', envp);
  const nameless = envp.find((variable) => variable.indexOf('=') < 1);
  if (nameless !== undefined)
    throw new TypeError(`expected envp to have NAME=value, got ${JSON.stringify(nameless)}`);
  requireFds('keepFds', keepFds, MAX_INT32);
  return addon().execve(path, argv, envp, keepFds);
}

/** A descriptor of process `pid`; `pollFd` reports POLLIN on it when the process has ended. */
export function pidfdOpen(pid: number): number {
  requireInteger('pid', pid, 1, MAX_INT32);
  return addon().pidfdOpen(pid);
}

/** Signal 0 only asks whether the process is there (ESRCH: it has ended and was reaped). */
export function pidfdSendSignal(pidfd: number, signal: number): void {
  requireFd('pidfd', pidfd);
  requireInteger('signal', signal, 0, MAX_SIGNAL);
  addon().pidfdSendSignal(pidfd, signal);
}

/** A copy of descriptor `fd` of that process. Needs the right to trace it (EPERM). */
export function pidfdGetFd(pidfd: number, fd: number): number {
  requireFd('pidfd', pidfd);
  requireFd('fd', fd);
  return addon().pidfdGetFd(pidfd, fd);
}

export type LockType = 'read' | 'write';

/** A lock in the way of the one asked for. `pid` is null for locks of open file descriptions. */
export interface LockHolder {
  readonly type: LockType;
  readonly startBytes: number;
  readonly lengthBytes: number;
  readonly pid: number | null;
}

function requireRange(startBytes: number, lengthBytes: number): void {
  requireInteger('startBytes', startBytes, 0, Number.MAX_SAFE_INTEGER);
  requireInteger('lengthBytes', lengthBytes, 0, Number.MAX_SAFE_INTEGER);
}

/** True means exclusive. */
function requireLockType(type: LockType): boolean {
  if (type === 'read' || type === 'write') return type === 'write';
  throw new TypeError(`expected type to be "read" or "write", got ${JSON.stringify(type)}`);
}

/**
 * Locks a range of a file for the open file description of `fd` (length 0: to the end, however far it grows), or
 * changes the lock it has. False: another description holds a lock in the way. Copies of the descriptor, also in
 * other processes, share the lock; it ends when it is unlocked or the last copy is closed.
 */
export function lockOfd(fd: number, type: LockType, startBytes: number, lengthBytes: number): boolean {
  requireFd('fd', fd);
  const exclusive = requireLockType(type);
  requireRange(startBytes, lengthBytes);
  return addon().lockOfd(fd, exclusive, startBytes, lengthBytes);
}

export function unlockOfd(fd: number, startBytes: number, lengthBytes: number): void {
  requireFd('fd', fd);
  requireRange(startBytes, lengthBytes);
  addon().unlockOfd(fd, startBytes, lengthBytes);
}

/** Who would make `lockOfd` return false, or null. */
export function testOfd(
  fd: number,
  type: LockType,
  startBytes: number,
  lengthBytes: number,
): LockHolder | null {
  requireFd('fd', fd);
  const exclusive = requireLockType(type);
  requireRange(startBytes, lengthBytes);
  const holder = addon().testOfd(fd, exclusive, startBytes, lengthBytes);
  if (holder === null) return null;
  const { exclusive: heldExclusive, ...range } = holder;
  return { type: heldExclusive ? 'write' : 'read', ...range };
}

/** Who connected to (or listens at) the other end of a unix socket. */
export function peerCredentials(fd: number): PeerCredentials {
  requireFd('fd', fd);
  return addon().peerCredentials(fd);
}

/** The supplementary groups that it was in at that time; its own group (`gid`) may be missing among them. */
export function peerGroups(fd: number): number[] {
  requireFd('fd', fd);
  return addon().peerGroups(fd);
}

/**
 * A non-blocking descriptor that reads and writes one Ethernet frame at a time, with no header before it unless one is
 * asked for. The interface must exist. ENODEV: it does not; EBUSY: it has a descriptor already; EINVAL: it is no tap,
 * or one of several queues; EPERM: it is another user's, or nobody's, and there is no CAP_NET_ADMIN.
 */
export function openTap(name: string, withHeader = false): number {
  requireText('name', name);
  if (name === '') throw new TypeError('expected name to be that of an interface, got an empty string');
  return addon().openTap(name, withHeader);
}

/** What interface a descriptor is of. ENOTTY, EBADFD: of none. */
export function describeTap(fd: number): TapDescription {
  requireFd('fd', fd);
  return addon().describeTap(fd);
}

/** The length of the header before each frame; for all who have this interface open. */
export function setTapHeaderBytes(fd: number, sizeBytes: number): void {
  requireFd('fd', fd);
  requireInteger('sizeBytes', sizeBytes, 10, MAX_TAP_HEADER_BYTES);
  addon().setTapHeaderBytes(fd, sizeBytes);
}

/** What the host may leave undone in the frames that are read (TUN_F_*); for all who have this interface open. */
export function setTapOffloads(fd: number, offloads: number): void {
  requireFd('fd', fd);
  requireInteger('offloads', offloads, 0, MAX_TAP_OFFLOADS);
  addon().setTapOffloads(fd, offloads);
}

/** How much that was written may wait in the host's network before a write would block. */
export function setTapSendBuffer(fd: number, sizeBytes: number): void {
  requireFd('fd', fd);
  requireInteger('sizeBytes', sizeBytes, 1, MAX_INT32);
  addon().setTapSendBuffer(fd, sizeBytes);
}

/** Our side of a new pseudoterminal: non-blocking, and bytes pass it unchanged. */
export function openPty(): number {
  return addon().openPty();
}

/** The path of the other side. */
export function ptyPath(fd: number): string {
  requireFd('fd', fd);
  return addon().ptyPath(fd);
}
