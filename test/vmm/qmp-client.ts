/** A QMP client for tests: strict about what a server may send, and every wait has a deadline. */
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import {
  isEvent,
  isGreeting,
  isReply,
  parseServerMessage,
  type QmpEvent,
  type QmpGreeting,
  type QmpReply,
  type QmpServerMessage,
  timestampMicros,
} from '../../vmm/qmp/protocol.js';
import { waitFor } from '../helpers/wait.js';

export class QmpClient {
  readonly #socket: Socket;
  #text = '';
  #replies: QmpReply[] = [];
  greeting: QmpGreeting | null = null;
  /** All events since the connection, in order. */
  readonly events: QmpEvent[] = [];
  isClosed = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.#receive(text));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.isClosed = true;
    });
  }

  static async open(path: string): Promise<QmpClient> {
    const socket = await waitFor(() => tryConnect(path), { what: `a listener on ${path}` });
    return new QmpClient(socket);
  }

  /** Connects and negotiates. */
  static async ready(path: string): Promise<QmpClient> {
    const client = await QmpClient.open(path);
    await client.greeted();
    await client.execute('qmp_capabilities');
    return client;
  }

  greeted(): Promise<QmpGreeting> {
    return waitFor(() => this.greeting, { what: 'a greeting' });
  }

  sendText(text: string): void {
    this.#socket.write(text);
  }

  /** The next reply, success or error. */
  async reply(): Promise<QmpReply> {
    return waitFor(() => this.#replies.shift(), { what: 'a reply' });
  }

  async ask(execute: string, args?: object, id?: unknown): Promise<QmpReply> {
    const request = { execute, ...(args && { arguments: args }), ...(id === undefined ? {} : { id }) };
    this.sendText(`${JSON.stringify(request)}\r\n`);
    return this.reply();
  }

  /** Asks; an error reply rejects. */
  async execute<T = unknown>(execute: string, args?: object): Promise<T> {
    const reply = await this.ask(execute, args);
    if ('error' in reply) throw new Error(`${execute}: ${reply.error.class}: ${reply.error.desc}`);
    return reply.return as T;
  }

  /** The description of an error reply; a success rejects. */
  async refusal(execute: string, args?: object): Promise<string> {
    const reply = await this.ask(execute, args);
    if ('return' in reply) throw new Error(`expected ${execute} to be refused`);
    return reply.error.desc;
  }

  /** The first event of that name (for MIGRATION: with that status). */
  event(name: string, status?: string, deadlineMs = 10_000): Promise<QmpEvent> {
    const what = `event ${name} ${status ?? ''}`;
    return waitFor(() => this.findEvent(name, status), { what, deadlineMs });
  }

  findEvent(name: string, status?: string): QmpEvent | undefined {
    return this.events.find(
      ({ event, data }) => event === name && (status === undefined || data?.status === status),
    );
  }

  /** Names of all events, with the status of MIGRATION. */
  story(): string[] {
    return this.events.map(({ event, data }) => (event === 'MIGRATION' ? String(data?.status) : event));
  }

  micros(name: string, status?: string): number {
    const event = this.findEvent(name, status);
    if (event === undefined) throw new Error(`no event ${name}`);
    return timestampMicros(event.timestamp);
  }

  forgetEvents(): void {
    this.events.length = 0;
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.#socket.destroy();
    await once(this.#socket, 'close');
  }

  #receive(text: string): void {
    this.#text += text;
    for (let end = this.#text.indexOf('\r\n'); end >= 0; end = this.#text.indexOf('\r\n')) {
      this.#take(parseServerMessage(this.#text.slice(0, end)));
      this.#text = this.#text.slice(end + 2);
    }
  }

  #take(message: QmpServerMessage): void {
    if (isGreeting(message)) this.greeting = message;
    else if (isEvent(message)) this.events.push(message);
    else if (isReply(message)) this.#replies.push(message);
  }
}

function tryConnect(path: string): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
    socket.once('error', () => resolve(null));
  });
}
