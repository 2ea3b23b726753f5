/**
 * One QMP client on a byte stream: bytes to requests, messages to lines. Requests are handled one after
 * the other; a client that sends faster than it is answered is not read meanwhile, one that does not read
 * its answers is dropped before it fills memory.
 */
import type { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { Session, type SessionOptions } from './dispatch.js';
import type { EventHub } from './events.js';
import { Framer } from './framer.js';
import { QmpProtocolError } from './protocol.js';
import { renderJson } from './render.js';

/** QEMU reads on until about as many requests wait. */
const MAX_WAITING_REQUESTS = 8;
const MAX_UNREAD_BYTES = 16 * 1024 * 1024;

export interface ConnectionOptions extends Omit<SessionOptions, 'send'> {
  readonly events: EventHub;
  /** Indented output (`pretty=on`). */
  readonly pretty: boolean;
}

/** Serves a client until its stream closes; resolves then. */
export function serveClient(stream: Duplex, options: ConnectionOptions): Promise<void> {
  return new Promise((resolve) => {
    const connection = new Connection(stream, options);
    stream.on('data', (chunk: Buffer) => connection.receive(chunk));
    stream.on('end', () => connection.finish());
    stream.on('error', () => stream.destroy());
    stream.on('close', () => {
      connection.close();
      resolve();
    });
    stream.resume();
  });
}

class Connection {
  readonly #stream: Duplex;
  readonly #pretty: boolean;
  readonly #session: Session;
  readonly #framer: Framer;
  readonly #unsubscribe: () => void;
  readonly #waiting: unknown[] = [];
  #busy = false;
  #finishing = false;

  constructor(stream: Duplex, { events, pretty, commands, context }: ConnectionOptions) {
    this.#stream = stream;
    this.#pretty = pretty;
    this.#session = new Session({ commands, context, send: (message) => this.#send(message) });
    this.#framer = new Framer({ value: (item) => this.#enqueue(item), error: (item) => this.#enqueue(item) });
    this.#unsubscribe = events.subscribe((event) => this.#session.event(event));
  }

  receive(chunk: Buffer): void {
    this.#framer.push(chunk);
  }

  /** The client sends no more: it gets its answers, then the end. */
  finish(): void {
    this.#finishing = true;
    if (!this.#busy) this.#stream.end();
  }

  close(): void {
    this.#unsubscribe();
    this.#waiting.length = 0;
  }

  #enqueue(item: unknown): void {
    this.#waiting.push(item);
    if (this.#waiting.length >= MAX_WAITING_REQUESTS) this.#stream.pause();
    if (!this.#busy) this.#work();
  }

  async #work(): Promise<void> {
    this.#busy = true;
    while (this.#waiting.length > 0) {
      const item = this.#waiting.shift();
      if (item instanceof QmpProtocolError) this.#session.refuse(item);
      else await this.#session.handle(item);
      if (this.#waiting.length > 0) await turn(); // the guest's, who must not wait for all of them
      if (this.#waiting.length < MAX_WAITING_REQUESTS && this.#stream.isPaused()) this.#stream.resume();
    }
    this.#busy = false;
    if (this.#finishing) this.#stream.end();
  }

  #send(message: object): void {
    if (!this.#stream.writable) return;
    const text = this.#pretty ? renderJson(message, 4) : renderJson(message);
    this.#stream.write(`${text}\r\n`, 'latin1');
    if (this.#stream.writableLength > MAX_UNREAD_BYTES) this.#stream.destroy();
  }
}
