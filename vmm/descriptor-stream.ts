/**
 * A raw descriptor (a connected unix socket, a FIFO, a pseudoterminal) that another process may go on with. Nothing
 * is read ahead: what nobody has asked for stays in the kernel, and goes with the descriptor. Output that the kernel
 * does not take waits here, bounded, and can be taken out for whoever goes on. Works in any thread.
 *
 * A peer that hangs up is noticed whether it is read or not. What it had sent is still to be had, for as long as it is
 * in nobody's way.
 *
 * No handler is called before the event loop has turned, but for `onEnd` inside `read` and `write`.
 */
import {
  closeFd,
  type FdWatch,
  NativeError,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDHUP,
  type ReceivedMessage,
  readableBytes,
  readFd,
  readyEvents,
  receiveMessage,
  watchFd,
  writeFd,
} from '../native/index.js';

const NOTHING = new Uint8Array(0);
/** One call reads at most this much, whatever it is asked for. */
const MAX_READ_BYTES = 64 * 1024;
const INPUT = POLLIN | POLLHUP | POLLERR;
const HANG_UP = POLLRDHUP | POLLHUP | POLLERR;
/** What a peer sent before it left is waited for, once that is in the way, as long as some of it is taken in this time. */
export const LEAVING_MS = 1000;
/** What a peer does that goes away. */
const GONE = ['EPIPE', 'ECONNRESET', 'EIO'];

export interface DescriptorStreamSettings {
  /** Output that may wait. */
  readonly limitBytes: number;
  /** Others have the descriptor too and want it to wait: each read looks first, and nothing is written. */
  readonly isBlocking?: boolean;
}

export class DescriptorStream {
  readonly fd: number;
  /** Something may be read. Called in each turn of the event loop until it is read, or reading is off. */
  onReadable: () => void = () => {};
  /** The peer has hung up, and has sent something before that is not wanted now. It may be called more than once. */
  onLeaving: () => void = () => {};
  /** Nothing more comes or goes; `null` for the ordinary end. Called once, by when the stream may be closed. */
  onEnd: (error: Error | null) => void = () => {};
  readonly #settings: DescriptorStreamSettings;
  /** `null`: cannot be watched and is always ready. */
  readonly #watch: FdWatch | null;
  #watched = 0;
  #immediate: NodeJS.Immediate | null = null;
  #unsent: Uint8Array[] = [];
  #unsentBytes = 0;
  #flushed: () => void = () => {};
  #isReading = false;
  #isQuiet = false;
  #isOver = false;
  /** The peer reads no more; what it has sent before may still be there. */
  #isDeaf = false;
  #leaving: NodeJS.Timeout | null = null;
  #reason: Error | null = null;
  /** It has hung up, and what it sent before is not wanted now. */
  #leavesInput = false;

  /** Owns `fd` from here on. */
  constructor(fd: number, settings: DescriptorStreamSettings) {
    this.fd = fd;
    this.#settings = settings;
    this.#watch = watch(fd, (events) => this.#ready(events));
    this.#look();
  }

  /** Output goes nowhere any more. */
  get isDeaf(): boolean {
    return this.#isDeaf || this.#isOver;
  }

  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  setReading(reading: boolean): void {
    if (reading === this.#isReading) return;
    this.#isReading = reading;
    if (reading) this.#leavesInput = false;
    this.#look();
  }

  /** While quiet it neither reads nor writes; output waits. */
  setQuiet(quiet: boolean): void {
    if (quiet === this.#isQuiet) return;
    this.#isQuiet = quiet;
    if (!quiet) this.#look();
  }

  /** What has come, at most `maxBytes`; fewer: there was no more. Nothing when it is over or quiet. */
  read(maxBytes: number): Uint8Array {
    if (this.#isOver || this.#isQuiet || maxBytes === 0) return NOTHING;
    const into = new Uint8Array(Math.min(maxBytes, MAX_READ_BYTES));
    try {
      if (this.#settings.isBlocking && readyEvents(this.fd, POLLIN) === 0) return NOTHING;
      const got = readFd(this.fd, into);
      if (got === 0) this.#end(null);
      else if (got !== null && this.#leaving !== null) this.#leave(this.#reason, LEAVING_MS);
      return into.subarray(0, got ?? 0);
    } catch (error) {
      this.#end(error as Error);
      return NOTHING;
    }
  }

  /** The same for a socket whose peer may send descriptors; they are the caller's. */
  receive(maxBytes: number, maxFds: number): ReceivedMessage | null {
    if (this.#isOver || this.#isQuiet) return null;
    try {
      const message = receiveMessage(this.fd, Math.min(maxBytes, MAX_READ_BYTES), maxFds);
      if (message === null || message.data.length > 0) return message;
      this.#end(null);
    } catch (error) {
      this.#end(error as Error);
    }
    return null;
  }

  /** Takes all bytes, and keeps the array, or none (`false`): too many wait already. */
  write(bytes: Uint8Array): boolean {
    if (this.#unsentBytes + bytes.length > this.#settings.limitBytes) return false;
    if (this.#isOver || this.#isDeaf) return true;
    let sent = 0;
    if (bytes.length > 0 && this.#unsentBytes === 0 && !this.#isQuiet) sent = this.#send(bytes);
    if (sent < bytes.length && !this.#isDeaf) {
      this.#unsent.push(bytes.subarray(sent));
      this.#unsentBytes += bytes.length - sent;
      this.#look();
    }
    return true;
  }

  /** A copy of the output that waits. */
  unsent(): Uint8Array {
    return Buffer.concat(this.#unsent);
  }

  /** The output that waits is the caller's now. */
  takeUnsent(): Uint8Array {
    const taken = this.unsent();
    this.#drop();
    return taken;
  }

  /** Output that comes before all that waits: it was taken out of here, or of another process. */
  putBack(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#unsent.unshift(bytes);
    this.#unsentBytes += bytes.length;
    this.#look();
  }

  /** Resolves when nothing waits, when it is over, or at the deadline. */
  flush(deadlineMs: number): Promise<void> {
    if (this.#unsentBytes === 0 || this.#isOver) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, deadlineMs);
      this.#flushed = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** A peer that is leaving is in the way: what it has sent must be read within this time, or some of it. */
  hurry(withinMs: number): void {
    if (this.#leaving === null) this.#leave(null, withinMs);
  }

  /** The end of this stream, not of what it goes to: another process may still have that. Calls no handler. */
  close(): void {
    closeFd(this.release());
  }

  /** The same, and the descriptor, still open, is the caller's. */
  release(): number {
    if (this.#immediate !== null) clearImmediate(this.#immediate);
    this.onEnd = () => {};
    this.onLeaving = () => {};
    this.#end(null);
    this.#watch?.end();
    return this.fd;
  }

  #ready(events: number): void {
    if (this.#unsentBytes > 0 && !this.#isQuiet && (events & (POLLOUT | POLLERR | POLLHUP)) !== 0)
      this.#flush();
    if (this.#isReading && !this.#isQuiet && !this.#isOver && (events & INPUT) !== 0) this.onReadable();
    else if (!this.#isReading && !this.#isQuiet && !this.#isOver && (events & HANG_UP) !== 0) this.#hangUp();
    if (!this.#isOver) this.#watchFor(this.#wanted());
  }

  #flush(): void {
    while (this.#unsentBytes > 0) {
      const [first = NOTHING] = this.#unsent;
      const sent = this.#send(first);
      if (this.#unsentBytes === 0) return; // the peer is gone
      this.#unsentBytes -= sent;
      if (sent < first.length) {
        this.#unsent[0] = first.subarray(sent);
        return;
      }
      this.#unsent.shift();
    }
    this.#flushed();
  }

  #send(bytes: Uint8Array): number {
    try {
      return writeFd(this.fd, bytes) ?? 0;
    } catch (error) {
      this.#isDeaf = true;
      this.#drop();
      if (isGone(error) && readableBytes(this.fd) > 0) this.#leave(error as Error, LEAVING_MS);
      else this.#end(error as Error);
      return bytes.length;
    }
  }

  #hangUp(): void {
    this.#leavesInput = readableBytes(this.fd) > 0;
    if (this.#leavesInput) this.onLeaving();
    else this.#end(null);
  }

  /** Whoever reads comes to the end in turn; whoever does not must not keep a dead peer for ever. */
  #leave(reason: Error | null, withinMs: number): void {
    if (this.#isOver) return;
    if (this.#leaving !== null) clearTimeout(this.#leaving);
    this.#reason = reason;
    this.#leaving = setTimeout(() => {
      if (this.#isQuiet) this.#leave(reason, LEAVING_MS);
      else this.#end(reason);
    }, withinMs);
  }

  #drop(): void {
    this.#unsent = [];
    this.#unsentBytes = 0;
    this.#flushed();
  }

  #end(error: Error | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#leaving !== null) clearTimeout(this.#leaving);
    this.#drop();
    this.#watchFor(0);
    this.onEnd(error);
  }

  #wanted(): number {
    if (this.#isQuiet) return 0;
    const input = this.#isReading ? POLLIN : this.#leavesInput ? 0 : POLLRDHUP;
    return input | (this.#unsentBytes > 0 ? POLLOUT : 0);
  }

  /** What is wanted less is found out when it is ready: a reader that has no room often has some soon. */
  #look(): void {
    if (!this.#isOver) this.#watchFor(this.#watched | this.#wanted());
  }

  #watchFor(events: number): void {
    if (this.#watch === null) {
      if ((events & ~POLLRDHUP) !== 0) this.#immediate ??= setImmediate(() => this.#readyAtOnce());
      return;
    }
    if (events === this.#watched) return;
    this.#watched = events;
    this.#watch.set(events);
  }

  #readyAtOnce(): void {
    this.#immediate = null;
    this.#ready(POLLIN | POLLOUT);
  }
}

function watch(fd: number, onReady: (events: number) => void): FdWatch | null {
  try {
    return watchFd(fd, onReady);
  } catch (error) {
    if (error instanceof NativeError && error.code === 'EPERM') return null;
    throw error;
  }
}

function isGone(error: unknown): boolean {
  return error instanceof NativeError && GONE.includes(error.code);
}
