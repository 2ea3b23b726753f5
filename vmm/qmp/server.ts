/**
 * A monitor on a unix socket. As with QEMU's character devices it has one client at a time: the next one
 * can connect, but is greeted only when the one before has gone.
 */
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { UnixListener } from '../unix-listener.js';

/** How many may wait for the one who is served; further ones are turned away. */
const MAX_WAITING_CLIENTS = 8;
/** How long the last answers may take to leave when the process ends. */
const CLOSE_DEADLINE_MS = 200;

/** Speaks with one client, in whatever way; resolves, and never rejects, when its stream has closed. */
export type ServeClient = (stream: Duplex) => Promise<void>;

export class MonitorServer {
  readonly #listener: UnixListener;
  readonly #server: Server;
  readonly #serve: ServeClient;
  readonly #waiting: Socket[] = [];
  #client: Socket | null = null;
  #onFirstClient: (() => void) | null = null;

  private constructor(listener: UnixListener, serve: ServeClient) {
    this.#listener = listener;
    this.#serve = serve;
    this.#server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) =>
      this.#arrive(socket),
    );
  }

  /** Binds the socket; an old socket file at `path` is replaced. */
  static async listen(path: string, serve: ServeClient): Promise<MonitorServer> {
    const listener = new UnixListener(path, 1);
    const monitor = new MonitorServer(listener, serve);
    await new Promise<void>((resolve, reject) => {
      monitor.#server.once('error', reject);
      monitor.#server.listen({ fd: listener.release() }, resolve);
    });
    return monitor;
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
    this.#listener.unlink();
    this.#server.close();
    for (const socket of this.#waiting) socket.destroy();
    const client = this.#client;
    if (client === null) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, CLOSE_DEADLINE_MS);
      client.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      client.destroySoon();
    });
  }

  #arrive(socket: Socket): void {
    if (this.#waiting.length >= MAX_WAITING_CLIENTS) {
      socket.destroy();
      return;
    }
    socket.on('error', () => socket.destroy());
    this.#waiting.push(socket);
    if (this.#client === null) this.#serveNext();
  }

  #serveNext(): void {
    const socket = this.#waiting.shift() ?? null;
    this.#client = socket;
    if (socket === null) return;
    this.#onFirstClient?.();
    // Never rejects: it ends with the socket.
    this.#serve(socket).then(() => this.#serveNext());
  }
}
