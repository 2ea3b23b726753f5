/**
 * A client on a connected unix socket, which may send descriptors (SCM_RIGHTS). What was not asked for stays in the
 * kernel, so that a client which floods a monitor waits there. One that ends its side is still answered.
 */
import {
  closeFd,
  type FdWatch,
  MAX_MESSAGE_FDS,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  type ReceivedMessage,
  receiveMessage,
  watchFd,
  writeFd,
} from '../../native/index.js';
import { MonitorClient } from './monitor-client.js';

const CHUNK_BYTES = 64 * 1024;
const INPUT = POLLIN | POLLHUP | POLLERR;
const OUTPUT = POLLOUT | POLLHUP | POLLERR;

export class SocketClient extends MonitorClient {
  readonly #fd: number;
  readonly #watch: FdWatch;
  #watched = 0;
  #isReading = false;
  #hasEnded = false;
  readonly #unsent: Uint8Array[] = [];
  #unsentBytes = 0;
  #isClosing = false;
  #isClosed = false;

  /** Owns `fd` from here on. */
  constructor(fd: number) {
    super();
    this.#fd = fd;
    this.onDescriptors = (fds) => fds.forEach(closeFd);
    this.#watch = watchFd(fd, (events) => this.#ready(events));
  }

  setReading(reading: boolean): void {
    this.#isReading = reading && !this.#hasEnded;
    if (this.#isReading) this.#watchFor(this.#watched | POLLIN);
  }

  write(text: string): void {
    if (this.#isClosed || this.#isClosing) return;
    const bytes = Buffer.from(text, 'latin1');
    const sent = this.#unsentBytes === 0 ? this.#send(bytes) : 0;
    if (sent === bytes.length || this.#isClosed) return;
    this.#unsent.push(bytes.subarray(sent));
    this.#unsentBytes += bytes.length - sent;
    this.#watchFor(this.#watched | POLLOUT);
  }

  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  closeWhenSent(): void {
    this.#isClosing = true;
    if (this.#unsentBytes === 0) this.destroy();
  }

  destroy(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#unsent.length = 0;
    this.#unsentBytes = 0;
    this.#watch.end();
    closeFd(this.#fd);
    queueMicrotask(() => this.onClose());
  }

  #ready(events: number): void {
    if (this.#unsentBytes > 0 && (events & OUTPUT) !== 0) this.#flush();
    // Not as soon as a chunk was read: the next one is nearly always wanted at once.
    const isUnwanted = !this.#isReading && (events & INPUT) !== 0;
    if (this.#isReading && !this.#isClosed && (events & INPUT) !== 0) this.#receive();
    const input = isUnwanted ? 0 : this.#watched & POLLIN;
    this.#watchFor(input | (this.#unsentBytes > 0 ? POLLOUT : 0));
  }

  #flush(): void {
    for (let first = this.#unsent[0]; first !== undefined; first = this.#unsent[0]) {
      const sent = this.#send(first);
      if (this.#isClosed) return;
      this.#unsentBytes -= sent;
      if (sent < first.length) {
        this.#unsent[0] = first.subarray(sent);
        return;
      }
      this.#unsent.shift();
    }
    if (this.#isClosing) this.destroy();
  }

  #send(bytes: Uint8Array): number {
    try {
      return writeFd(this.#fd, bytes) ?? 0;
    } catch {
      this.destroy();
      return 0;
    }
  }

  #receive(): void {
    let message: ReceivedMessage | null;
    try {
      message = receiveMessage(this.#fd, CHUNK_BYTES, MAX_MESSAGE_FDS);
    } catch {
      this.destroy();
      return;
    }
    if (message === null) return;
    const { data, fds } = message;
    if (fds.length > 0) this.onDescriptors(fds);
    if (data.length > 0) {
      this.onData(Buffer.from(data.buffer, data.byteOffset, data.length));
      return;
    }
    this.#hasEnded = true;
    this.#isReading = false;
    this.onEnd();
  }

  #watchFor(events: number): void {
    if (events === this.#watched || this.#isClosed) return;
    this.#watched = events;
    this.#watch.set(events);
  }
}
