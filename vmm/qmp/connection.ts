/**
 * One QMP client: bytes to requests, messages to lines. Requests are handled one after
 * the other; a client that sends faster than it is answered is not read meanwhile, one that does not read
 * its answers is dropped before it fills memory.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { Session, type SessionOptions } from './dispatch.js';
import type { EventHub } from './events.js';
import { Framer } from './framer.js';
import type { MonitorClient } from './monitor-client.js';
import { QmpProtocolError } from './protocol.js';
import { renderJson } from './render.js';
import { type SentGroup, SentQueue } from './sent-descriptors.js';

/** QEMU reads on until about as many requests wait. */
const MAX_WAITING_REQUESTS = 8;
const MAX_UNREAD_BYTES = 16 * 1024 * 1024;

export interface ConnectionOptions extends Omit<SessionOptions, 'send'> {
  readonly events: EventHub;
  /** Indented output (`pretty=on`). */
  readonly pretty: boolean;
}

/** Serves a client until it has gone; resolves then. */
export function serveClient(client: MonitorClient, options: ConnectionOptions): Promise<void> {
  return new Promise((resolve) => {
    const connection = new Connection(client, options);
    client.onDescriptors = (fds) => connection.arrive(fds);
    client.onData = (bytes) => connection.receive(bytes);
    client.onEnd = () => connection.finish();
    client.onClose = () => {
      connection.close();
      resolve();
    };
    client.setReading(true);
  });
}

interface Waiting {
  readonly item: unknown;
  sent: SentGroup;
}

class Connection {
  readonly #client: MonitorClient;
  readonly #pretty: boolean;
  readonly #session: Session;
  readonly #framer: Framer;
  readonly #unsubscribe: () => void;
  readonly #waiting: Waiting[] = [];
  readonly #sent = new SentQueue();
  #busy = false;
  #finishing = false;
  #isClosed = false;
  #isReading = true;

  constructor(client: MonitorClient, { events, pretty, commands, context, names }: ConnectionOptions) {
    this.#client = client;
    this.#pretty = pretty;
    this.#session = new Session({ commands, context, names, send: (message) => this.#send(message) });
    this.#framer = new Framer({ value: (item) => this.#enqueue(item), error: (item) => this.#enqueue(item) });
    this.#unsubscribe = events.subscribe((event) => this.#session.event(event));
  }

  /** Descriptors that came before the next bytes. */
  arrive(fds: readonly number[]): void {
    this.#sent.arrive(fds);
  }

  receive(chunk: Buffer): void {
    this.#framer.push(chunk);
  }

  /** The client sends no more: it gets its answers, then the end. */
  finish(): void {
    this.#finishing = true;
    if (!this.#busy) this.#client.closeWhenSent();
  }

  close(): void {
    this.#unsubscribe();
    for (const { sent } of this.#waiting.splice(0)) sent.close();
    this.#sent.close();
    this.#isClosed = true;
  }

  #enqueue(item: unknown): void {
    this.#waiting.push({ item, sent: this.#sent.forCommand() });
    if (this.#waiting.length >= MAX_WAITING_REQUESTS) this.#setReading(false);
    if (!this.#busy) this.#work();
  }

  async #work(): Promise<void> {
    this.#busy = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const { item, sent } = next;
      if (item instanceof QmpProtocolError) this.#session.refuse(item);
      else await this.#session.handle(item, sent);
      if (this.#waiting.length > 0) await turn(); // the guest's, who must not wait for all of them
      if (this.#isClosed) sent.close();
      else this.#sent.giveBack(sent, this.#waiting[0]);
      if (this.#waiting.length < MAX_WAITING_REQUESTS) this.#setReading(true);
    }
    this.#busy = false;
    if (this.#finishing) this.#client.closeWhenSent();
  }

  #send(message: object): void {
    if (this.#isClosed) return;
    const text = this.#pretty ? renderJson(message, 4) : renderJson(message);
    this.#client.write(`${text}\r\n`);
    if (this.#client.unsentBytes > MAX_UNREAD_BYTES) this.#client.destroy();
  }

  #setReading(reading: boolean): void {
    if (reading === this.#isReading) return;
    this.#isReading = reading;
    this.#client.setReading(reading);
  }
}
