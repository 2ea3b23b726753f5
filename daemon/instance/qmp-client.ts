/**
 * A QMP client. Every command has a deadline; every way it can end is an error of its own (`qmp-errors.ts`).
 * Requests may be sent without waiting for the answers to earlier ones; answers are matched by id. After a
 * disconnect or a protocol error every request under way and every later one is rejected with its cause.
 */
import { connect as connectSocket, type Socket } from 'node:net';
import { unreadBytes } from '../../native/index.js';
import * as protocol from '../../vmm/qmp/protocol.js';
import { DeadlineError, within } from './deadline.js';
import { QmpCommandError, QmpDisconnected, QmpProtocolError, QmpTimeout } from './qmp-errors.js';
import { LineSplitter } from './qmp-lines.js';

export type { QmpEvent } from '../../vmm/qmp/protocol.js';

export interface ExecuteOptions {
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal | undefined;
}

const COMMAND_DEADLINE_MS = 5_000;
/** A VMM that sends more events than anybody reads is cut off rather than remembered. */
const MAX_WATCHED_EVENTS = 4_096;

interface Pending {
  readonly command: string;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export type QmpEventListener = (event: protocol.QmpEvent) => void;

export class QmpClient {
  /** Resolves, never rejects, with why the connection ended. */
  readonly closed: Promise<Error>;
  readonly #socket: Socket;
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Set<QmpEventListener>();
  readonly #greeted: Promise<void>;
  #onGreeting: () => void = () => undefined;
  #onClosed: (cause: Error) => void = () => undefined;
  #endCause: Error | null = null;
  #nextId = 1;

  /** Connects, takes the greeting and negotiates. Events can be heard from the first one on. */
  static async connect(
    path: string,
    options: { deadlineMs: number; signal?: AbortSignal | undefined; onEvent?: QmpEventListener },
  ): Promise<QmpClient> {
    const { deadlineMs, signal, onEvent } = options;
    const socket = connectSocket(path);
    const client = new QmpClient(socket);
    if (onEvent !== undefined) client.#listeners.add(onEvent);
    try {
      const giveUp = client.closed.then((cause) => {
        throw cause;
      });
      await within(Promise.race([client.#greeted, giveUp]), { deadlineMs, what: 'the greeting', signal });
      await client.execute('qmp_capabilities', {}, { deadlineMs, signal });
      return client;
    } catch (error) {
      client.close();
      const isLate = error instanceof DeadlineError && error !== signal?.reason;
      throw isLate ? new QmpTimeout(`on ${path}`, deadlineMs) : error;
    }
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#greeted = new Promise((resolve) => {
      this.#onGreeting = resolve;
    });
    this.closed = new Promise((resolve) => {
      this.#onClosed = resolve;
    });
    const lines = new LineSplitter();
    socket.on('data', (chunk) => this.#receive(lines, chunk));
    socket.on('error', ({ code, message }: NodeJS.ErrnoException) => {
      const isUnread = code === 'ECONNRESET' || code === 'EPIPE';
      this.#end(new QmpDisconnected(`the VMM's monitor: ${message}`, isUnread));
    });
    socket.on('close', () => this.#end(new QmpDisconnected()));
  }

  get isOpen(): boolean {
    return this.#endCause === null;
  }

  /** Whether the VMM has yet to read something that was sent. False when that cannot be seen. */
  get isUnread(): boolean {
    const handle = (this.#socket as unknown as { _handle?: { fd?: number } | null })._handle;
    return this.isOpen && handle?.fd !== undefined && handle.fd >= 0 && unreadBytes(handle.fd) > 0;
  }

  execute<T = unknown>(command: string, args: object = {}, options: ExecuteOptions = {}): Promise<T> {
    const { deadlineMs = COMMAND_DEADLINE_MS, signal } = options;
    if (this.#endCause !== null) return Promise.reject(this.#endCause);
    const id = this.#nextId++;
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#pending.set(id, { command, resolve, reject });
    });
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    return within(answer, { deadlineMs, what: command, signal }).catch((error) => {
      this.#pending.delete(id);
      const isLate = error instanceof DeadlineError && error !== signal?.reason;
      throw isLate ? new QmpTimeout(`'${command}'`, deadlineMs) : error;
    }) as Promise<T>;
  }

  onEvent(listener: QmpEventListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#end(new QmpDisconnected('the connection was closed by the daemon'));
  }

  #receive(lines: LineSplitter, chunk: Buffer): void {
    if (this.#endCause !== null) return;
    try {
      for (const line of lines.push(chunk)) this.#handle(line);
    } catch (error) {
      if (error instanceof QmpProtocolError) this.#end(error);
      else if (error instanceof protocol.QmpProtocolError) this.#end(new QmpProtocolError(error.message));
      else throw error;
    }
  }

  #handle(line: string): void {
    const message = protocol.parseServerMessage(line);
    if (protocol.isGreeting(message)) this.#onGreeting();
    else if (protocol.isEvent(message)) for (const listener of this.#listeners) listener(message);
    else this.#answer(message);
  }

  #answer(reply: protocol.QmpReply): void {
    const request = this.#take(reply.id);
    if (request === undefined) return;
    if ('error' in reply) {
      const { class: errorClass, desc } = reply.error;
      request.reject(new QmpCommandError(request.command, errorClass, desc));
    } else {
      request.resolve(reply.return);
    }
  }

  /** An answer that comes after its deadline finds nobody, and that is all right; one without id is not. */
  #take(id: unknown): Pending | undefined {
    if (typeof id !== 'number')
      throw new QmpProtocolError(`an answer with id ${JSON.stringify(id) ?? 'none'}`);
    const request = this.#pending.get(id);
    this.#pending.delete(id);
    return request;
  }

  #end(cause: Error): void {
    if (this.#endCause !== null) return;
    this.#endCause = cause;
    this.#socket.destroy();
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const request of pending) request.reject(cause);
    this.#onClosed(cause);
  }
}

/**
 * Events from a moment on, kept until asked for: attached before the command that causes them, so that none
 * can be missed. `find` looks at those already here first.
 */
export class EventWatch {
  readonly #events: protocol.QmpEvent[] = [];
  readonly #detach: () => void;
  readonly #wakers = new Set<() => void>();
  #endCause: Error | null = null;

  constructor(client: QmpClient) {
    void client.closed.then((cause) => {
      this.#endCause = cause;
      for (const wake of this.#wakers) wake();
    });
    this.#detach = client.onEvent((event) => {
      if (this.#events.length >= MAX_WATCHED_EVENTS) client.close();
      else this.#events.push(event);
      for (const wake of this.#wakers) wake();
    });
  }

  /** The first event for which `matches` is true. Rejects when none can come any more. */
  async find(
    matches: (event: protocol.QmpEvent) => boolean,
    signal: AbortSignal,
  ): Promise<protocol.QmpEvent> {
    let seen = 0;
    for (;;) {
      signal.throwIfAborted();
      for (; seen < this.#events.length; seen += 1) {
        const event = this.#events[seen];
        if (event !== undefined && matches(event)) return event;
      }
      if (this.#endCause !== null) throw this.#endCause;
      await this.#more(signal);
    }
  }

  #more(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#wakers.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#wakers.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  close(): void {
    this.#detach();
  }
}
