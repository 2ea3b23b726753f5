/**
 * What the compiled addon exports, as C++ sees it. N.B. Keep in sync with native/src/functions.hpp: the same
 * names, arguments and order. Only native/index.ts uses this; it validates before it calls.
 */
import type { NativeError } from './error.js';

export interface Addon {
  setErrorClass(errorClass: typeof NativeError): void;
  createMemfd(name: string, sizeBytes: number): number;
  mapShared(view: Uint8Array, fd: number, fdOffsetBytes: number): void;
  unmapShared(view: Uint8Array): void;
  discardPages(view: Uint8Array): void;
  listenUnix(path: string, backlog: number): number;
  acceptUnix(fd: number): number | null;
  connectUnix(path: string): number;
  sendMessage(fd: number, data: Uint8Array, fds: readonly number[]): number;
  receiveMessage(fd: number, maxBytes: number, maxFds: number): ReceivedMessage | null;
  readFd(fd: number, into: Uint8Array): number | null;
  writeFd(fd: number, data: Uint8Array): number | null;
  writePieces(fd: number, pieces: readonly Uint8Array[]): number | null;
  pollFd(fd: number, events: number, timeoutMs: number): number | Promise<number>;
  watchFd(fd: number, onReady: (events: number) => void): Watch;
  setWatch(watch: Watch, events: number): void;
  endWatch(watch: Watch): void;
  shutdownWrite(fd: number): void;
  unreadBytes(fd: number): number;
  readableBytes(fd: number): number;
  sendDatagram(address: string, data: Uint8Array): void;
  closeFd(fd: number): void;
  createEventFd(): number;
  createTimerFd(): number;
  setTimerFd(fd: number, delayNs: number): void;
  setCloseOnExec(fd: number, on: boolean): void;
  setNonBlocking(fd: number): void;
  duplicateFd(fd: number): number;
  replaceInheritableFd(fd: number, replaced: number): void;
  makeFifo(path: string): void;
  punchHole(fd: number, startBytes: number, lengthBytes: number): void;
  findData(fd: number, fromBytes: number): number | null;
  preadvNowait(fd: number, views: readonly Uint8Array[], fromBytes: number): number | null;
  pwritevTimed(fd: number, views: readonly Uint8Array[], fromBytes: number): number | null;
  clearRange(fd: number, how: number, startBytes: number, lengthBytes: number): Promise<null>;
  endOfFile(fd: number): number;
  misalignment(view: Uint8Array, alignmentBytes: number): number;
  execve(path: string, argv: readonly string[], envp: readonly string[], keepFds: readonly number[]): never;
  pidfdOpen(pid: number): number;
  pidfdSendSignal(pidfd: number, signal: number): void;
  pidfdGetFd(pidfd: number, fd: number): number;
  lockOfd(fd: number, exclusive: boolean, startBytes: number, lengthBytes: number): boolean;
  unlockOfd(fd: number, startBytes: number, lengthBytes: number): void;
  testOfd(fd: number, exclusive: boolean, startBytes: number, lengthBytes: number): RawLockHolder | null;
  peerCredentials(fd: number): PeerCredentials;
  peerGroups(fd: number): number[];
  openTap(name: string, withHeader: boolean): number;
  describeTap(fd: number): TapDescription;
  setTapHeaderBytes(fd: number, sizeBytes: number): void;
  setTapOffloads(fd: number, offloads: number): void;
  setTapSendBuffer(fd: number, sizeBytes: number): void;
  openPty(): number;
  ptyPath(fd: number): string;
}

/** Something of C++: only to be handed back. */
export type Watch = { readonly watch: never };

/** `data` is empty at the end of the stream. The descriptors belong to the receiver, who must close them. */
export interface ReceivedMessage {
  readonly data: Uint8Array;
  readonly fds: number[];
}

export interface TapDescription {
  readonly name: string;
  readonly isTap: boolean;
  /** Frames have a header before them (IFF_VNET_HDR). */
  readonly hasHeader: boolean;
}

export interface RawLockHolder {
  readonly exclusive: boolean;
  readonly startBytes: number;
  readonly lengthBytes: number;
  readonly pid: number | null;
}

export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}
