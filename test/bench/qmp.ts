/**
 * A bare QMP client for measuring: connects, negotiates, executes, keeps every event with its timestamp.
 * Every wait has a deadline; a closed connection rejects what waits on it.
 */
import { connect, type Socket } from 'node:net';
import { waitFor, within } from '../helpers/wait.js';

const REPLY_DEADLINE_MS = 20_000;

export interface QmpEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** The VMM's own timestamp. */
  readonly timeUs: number;
}

interface Message {
  readonly QMP?: unknown;
  readonly event?: string;
  readonly data?: Record<string, unknown>;
  readonly timestamp?: { readonly seconds: number; readonly microseconds: number };
  readonly id?: number;
  readonly return?: unknown;
  readonly error?: { readonly class: string; readonly desc: string };
}

export class Qmp {
  readonly events: QmpEvent[] = [];
  readonly #socket: Socket;
  readonly #pending = new Map<number, (message: Message) => void>();
  readonly #watchers = new Set<() => void>();
  #lastId = 0;
  #greeted = false;
  #closed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    let unfinished = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (unfinished + chunk).split('\n');
      unfinished = lines.pop() ?? '';
      for (const line of lines) this.#receive(JSON.parse(line) as Message);
    });
    socket.on('error', () => this.#end());
    socket.on('close', () => this.#end());
  }

  /** Waits for the socket to appear, then for the greeting, and leaves negotiation mode. */
  static async connect(path: string, deadlineMs = REPLY_DEADLINE_MS): Promise<Qmp> {
    const socket = await waitFor(() => tryConnect(path), { deadlineMs, what: `a connection to ${path}` });
    const qmp = new Qmp(socket);
    await waitFor(() => qmp.#greeted || qmp.#closed, { deadlineMs, what: `a QMP greeting on ${path}` });
    await qmp.execute('qmp_capabilities');
    return qmp;
  }

  async execute(command: string, args?: Record<string, unknown>): Promise<unknown> {
    const id = ++this.#lastId;
    const reply = new Promise<Message>((resolve) => this.#pending.set(id, resolve));
    if (this.#closed) this.#end();
    else this.#socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    const message = await within(reply, REPLY_DEADLINE_MS, `a reply to ${command}`);
    if (message.error !== undefined) throw new Error(`${command}: ${message.error.desc}`);
    return message.return;
  }

  /** The first event, from now or before, that matches. */
  async waitForEvent(
    name: string,
    matches: (event: QmpEvent) => boolean = () => true,
    deadlineMs = REPLY_DEADLINE_MS,
  ): Promise<QmpEvent> {
    const find = () => this.events.find((event) => event.event === name && matches(event));
    const arrival = new Promise<QmpEvent>((resolve) => {
      const watch = () => {
        const found = find();
        if (found === undefined) return;
        this.#watchers.delete(watch);
        resolve(found);
      };
      this.#watchers.add(watch);
      watch();
    });
    return within(arrival, deadlineMs, `the event ${name}`);
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(message: Message): void {
    if (message.QMP !== undefined) this.#greeted = true;
    if (message.event !== undefined) {
      const { seconds = 0, microseconds = 0 } = message.timestamp ?? {};
      this.events.push({
        event: message.event,
        data: message.data ?? {},
        timeUs: seconds * 1_000_000 + microseconds,
      });
      for (const watch of this.#watchers) watch();
    }
    if (message.id !== undefined) {
      this.#pending.get(message.id)?.(message);
      this.#pending.delete(message.id);
    }
  }

  #end(): void {
    this.#closed = true;
    const error = { class: 'GenericError', desc: 'the VMM closed its monitor' };
    for (const settle of this.#pending.values()) settle({ error });
    this.#pending.clear();
  }
}

function tryConnect(path: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(undefined));
  });
}
