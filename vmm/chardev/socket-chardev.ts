/**
 * A unix socket as a chardev, server or client. A server serves one client at a time; further ones wait
 * their turn, silent, as they would in QEMU's accept queue. A client that was connected once tries again
 * every `reconnectMs`. The server's socket file is removed at the end only while it is still our own.
 */
import type { Server, Socket } from 'node:net';
import { createConnection, createServer } from 'node:net';
import type { SocketChardevOptions } from '../options/options.js';
import { UnixListener } from '../unix-listener.js';
import type { Chardev } from './chardev.js';
import type { LogFile } from './log-file.js';
import { SocketPeer } from './socket-peer.js';

/** Clients beyond these are turned away. */
const MAX_WAITING = 8;

export class SocketChardev implements Chardev {
  readonly id: string;
  onData: (bytes: Uint8Array) => void = () => {};
  onOpen: () => void = () => {};
  onClose: () => void = () => {};
  readonly #options: SocketChardevOptions;
  readonly #log: LogFile | null;
  readonly #peer: SocketPeer;
  readonly #waiting: Socket[] = [];
  #server: Server | null = null;
  #listener: UnixListener | null = null;
  #reconnect: NodeJS.Timeout | null = null;
  #firstPeer: () => void = () => {};
  #reading = true;
  #closed = false;

  constructor(id: string, options: SocketChardevOptions, log: LogFile | null, backlogBytes: number) {
    this.id = id;
    this.#options = options;
    this.#log = log;
    this.#peer = new SocketPeer(backlogBytes);
  }

  get isOpen(): boolean {
    return this.#peer.socket !== null;
  }

  get room(): number {
    return this.#peer.room;
  }

  /** Listens or connects; with `wait` resolves when the first client is there. */
  async open(): Promise<void> {
    if (!this.#options.server) return this.#connectFirst();
    const first = new Promise<void>((resolve) => {
      this.#firstPeer = resolve;
    });
    await this.#listen();
    if (this.#options.wait) await first;
  }

  write(bytes: Uint8Array): boolean {
    this.#log?.write(bytes);
    return this.#peer.write(bytes);
  }

  setReading(reading: boolean): void {
    if (reading === this.#reading) return;
    this.#reading = reading;
    if (reading) this.#peer.socket?.resume();
    else this.#peer.socket?.pause();
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#reconnect !== null) clearTimeout(this.#reconnect);
    for (const socket of this.#waiting.splice(0)) socket.destroy();
    const server = this.#server;
    this.#server = null;
    const serverClosed = new Promise<void>((resolve) => {
      if (server === null) resolve();
      else server.close(() => resolve());
    });
    await this.#peer.end();
    await serverClosed;
    this.#listener?.unlink();
    this.#log?.close();
  }

  async #listen(): Promise<void> {
    const listener = new UnixListener(this.#options.path, MAX_WAITING);
    this.#listener = listener;
    const server = createServer((socket) => this.#accept(socket));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ fd: listener.release() }, resolve);
    });
  }

  #accept(socket: Socket): void {
    if (this.#peer.socket === null) {
      this.#use(socket);
    } else if (this.#waiting.length < MAX_WAITING) {
      this.#waiting.push(socket);
      socket.on('error', () => {});
      socket.on('close', () => remove(this.#waiting, socket));
    } else {
      socket.destroy();
    }
  }

  #use(socket: Socket): void {
    socket.on('error', () => {}); // 'close' follows
    socket.on('data', (bytes) => this.onData(new Uint8Array(bytes)));
    socket.on('close', () => this.#lost(socket));
    if (!this.#reading) socket.pause();
    this.#peer.attach(socket);
    this.#firstPeer();
    this.onOpen();
  }

  #lost(socket: Socket): void {
    if (this.#peer.socket !== socket) return;
    this.#peer.detach();
    this.onClose();
    if (this.#closed) return;
    const next = this.#nextWaiting();
    if (next !== undefined) this.#use(next);
    if (!this.#options.server) this.#connectLater();
  }

  /** One that went while it waited may not have said so yet. */
  #nextWaiting(): Socket | undefined {
    for (;;) {
      const next = this.#waiting.shift();
      if (next === undefined || !next.destroyed) return next;
    }
  }

  #connectFirst(): Promise<void> {
    return new Promise((resolve, reject) => {
      const mayFail = this.#options.reconnectMs === 0;
      this.#connect((error) => {
        if (error === null || !mayFail) resolve();
        else reject(error);
      });
    });
  }

  #connect(settled: (error: Error | null) => void): void {
    const socket = createConnection(this.#options.path);
    const failed = (error: Error) => {
      settled(error);
      this.#connectLater();
    };
    socket.once('error', failed);
    socket.once('connect', () => {
      socket.off('error', failed);
      if (this.#closed) socket.destroy();
      else this.#use(socket);
      settled(null);
    });
  }

  #connectLater(): void {
    if (this.#closed || this.#options.reconnectMs === 0) return;
    this.#reconnect = setTimeout(() => this.#connect(() => {}), this.#options.reconnectMs);
  }
}

function remove<T>(list: T[], item: T): void {
  const at = list.indexOf(item);
  if (at >= 0) list.splice(at, 1);
}
