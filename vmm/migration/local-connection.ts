/**
 * A main channel over which descriptors come beside the bytes, at the target. They are the connection's until they are
 * taken; what nobody has taken when it is destroyed is closed, and so is what comes later.
 */
import { Duplex } from 'node:stream';
import {
  acceptUnix,
  closeFd,
  type FdWatch,
  NativeError,
  POLLIN,
  POLLOUT,
  peerCredentials,
  receiveMessage,
  shutdownWrite,
  watchFd,
  writeFd,
} from '../../native/index.js';
import type { UnixListener } from '../unix-listener.js';
import { MAX_CPR_ENTRIES } from './cpr-state.js';

const CHUNK_BYTES = 256 * 1024;

interface PendingWrite {
  left: Uint8Array;
  taken(error?: Error | null): void;
}

export class LocalConnection extends Duplex {
  /** Process of the source; 0 when it cannot be seen from here. */
  readonly sourcePid: number;
  readonly #fd: number;
  readonly #watch: FdWatch;
  #fds: number[] = [];
  #areTaken = false;
  #isReading = false;
  #pending: PendingWrite | null = null;

  /** Owns `fd`, connected and non-blocking, from here on. */
  constructor(fd: number) {
    super({ allowHalfOpen: true, readableHighWaterMark: CHUNK_BYTES });
    this.#fd = fd;
    this.sourcePid = peerCredentials(fd).pid;
    this.#watch = watchFd(fd, () => this.#ready());
  }

  /** What has come, in its order; still the connection's. */
  get descriptors(): readonly number[] {
    return this.#fds;
  }

  /** They are the caller's from here on. */
  giveAway(): void {
    this.#areTaken = true;
    this.#fds = [];
  }

  override _read(): void {
    this.#isReading = true;
    this.#look();
  }

  override _write(chunk: Uint8Array, _encoding: string, taken: (error?: Error | null) => void): void {
    this.#pending = { left: chunk, taken };
    this.#send();
  }

  override _final(ended: (error?: Error | null) => void): void {
    this.#attempt(() => shutdownWrite(this.#fd));
    ended();
  }

  override _destroy(error: Error | null, destroyed: (error?: Error | null) => void): void {
    this.#watch.end();
    closeFd(this.#fd);
    this.#closeDescriptors();
    this.#pending?.taken(error ?? new Error('the connection was closed'));
    this.#pending = null;
    destroyed(error);
  }

  #ready(): void {
    if (this.#pending !== null) this.#send();
    if (this.#isReading && !this.destroyed) this.#receive();
    this.#look();
  }

  #look(): void {
    if (this.destroyed) return;
    this.#watch.set((this.#isReading ? POLLIN : 0) | (this.#pending === null ? 0 : POLLOUT));
  }

  #receive(): void {
    const message = this.#attempt(() => receiveMessage(this.#fd, CHUNK_BYTES, MAX_CPR_ENTRIES));
    if (message === null) return;
    this.#fds.push(...message.fds);
    if (this.#areTaken) this.#closeDescriptors();
    if (this.#fds.length > MAX_CPR_ENTRIES) {
      this.destroy(new Error(`expected at most ${MAX_CPR_ENTRIES} descriptors, got ${this.#fds.length}`));
      return;
    }
    if (message.data.length === 0) this.#isReading = false;
    const wantsMore = this.push(message.data.length === 0 ? null : message.data);
    if (!wantsMore) this.#isReading = false;
  }

  #send(): void {
    const { left, taken } = this.#pending as PendingWrite;
    try {
      const sent = writeFd(this.#fd, left) ?? 0;
      this.#pending = sent === left.length ? null : { left: left.subarray(sent), taken };
    } catch (error) {
      this.#pending = null;
      taken(error as Error);
      return;
    }
    if (this.#pending === null) taken();
    else this.#look();
  }

  /** A broken connection ends it, with the system's reason. */
  #attempt<T>(act: () => T): T | null {
    try {
      return act();
    } catch (error) {
      if (!(error instanceof NativeError)) throw error;
      this.destroy(error);
      return null;
    }
  }

  #closeDescriptors(): void {
    for (const fd of this.#fds.splice(0)) closeFd(fd);
  }
}

/** Tells of the first connection, once. The returned function ends the waiting; the listener is the caller's. */
export function acceptLocal(
  { fd }: Pick<UnixListener, 'fd'>,
  accepted: (connection: LocalConnection) => void,
): () => void {
  let isOver = false;
  const watch = watchFd(fd, () => {
    const connection = acceptUnix(fd);
    if (connection === null) return;
    end();
    accepted(new LocalConnection(connection));
  });
  const end = () => {
    if (!isOver) watch.end();
    isOver = true;
  };
  watch.set(POLLIN);
  return end;
}
