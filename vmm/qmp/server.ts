/**
 * A monitor on a unix socket. As with QEMU's character devices it has one client at a time: the next one
 * can connect, but is greeted only when the one before has gone.
 */
import { acceptUnix, closeFd, type FdWatch, POLLIN, watchFd } from '../../native/index.js';
import { UnixListener } from '../unix-listener.js';
import type { MonitorClient } from './monitor-client.js';
import { SocketClient } from './socket-client.js';

/** How many may wait for the one who is served; further ones are turned away. */
const MAX_WAITING_CLIENTS = 8;
/** How long the last answers may take to leave when the process ends. */
const CLOSE_DEADLINE_MS = 200;
/** When it is looked again whether there is a descriptor for one more. */
const ROOM_MS = 100;

/** Speaks with one client, in whatever way; resolves, and never rejects, when it has gone. */
export type ServeClient = (client: MonitorClient) => Promise<void>;

export class MonitorServer {
  readonly #listener: UnixListener;
  readonly #watch: FdWatch;
  readonly #serve: ServeClient;
  /** Descriptors of those who wait: nothing of theirs is read yet. */
  readonly #waiting: number[] = [];
  #client: SocketClient | null = null;
  /** Resolves when that one has gone. */
  #served: Promise<void> = Promise.resolve();
  #isClosed = false;
  #onFirstClient: (() => void) | null = null;

  private constructor(listener: UnixListener, serve: ServeClient) {
    this.#listener = listener;
    this.#serve = serve;
    this.#watch = watchFd(listener.fd, () => this.#accept());
    this.#watch.set(POLLIN);
  }

  /** Binds the socket; an old socket file at `path` is replaced. */
  static listen(path: string, serve: ServeClient): MonitorServer {
    return new MonitorServer(new UnixListener(path, 1), serve);
  }

  /** Resolves when somebody has connected (`wait=on`). */
  firstClient(): Promise<void> {
    if (this.#client !== null) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onFirstClient = resolve;
    });
  }

  /** Removes the socket and lets the client read what was sent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#watch.end();
    this.#listener.close();
    for (const fd of this.#waiting.splice(0)) closeFd(fd);
    const client = this.#client;
    if (client === null) return;
    const timer = setTimeout(() => client.destroy(), CLOSE_DEADLINE_MS);
    client.closeWhenSent();
    await this.#served;
    clearTimeout(timer);
  }

  /** One of those that have connected; the others are told of in the next turn of the event loop. */
  #accept(): void {
    let fd: number | null;
    try {
      fd = acceptUnix(this.#listener.fd);
    } catch {
      this.#waitForRoom();
      return;
    }
    if (fd === null) return;
    if (this.#waiting.length >= MAX_WAITING_CLIENTS) {
      closeFd(fd);
      return;
    }
    this.#waiting.push(fd);
    if (this.#client === null) this.#serveNext();
  }

  /** The process or the host has no descriptor left: whoever wants in waits, in the kernel. */
  #waitForRoom(): void {
    this.#watch.set(0);
    setTimeout(() => {
      if (!this.#isClosed) this.#watch.set(POLLIN);
    }, ROOM_MS).unref();
  }

  #serveNext(): void {
    const fd = this.#waiting.shift();
    this.#client = fd === undefined ? null : new SocketClient(fd);
    if (this.#client === null) return;
    this.#onFirstClient?.();
    // Never rejects: it ends with the stream.
    this.#served = this.#serve(this.#client);
    this.#served.then(() => this.#serveNext());
  }
}
