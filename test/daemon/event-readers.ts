/** Reads events as clients do, over a unix socket: by WebSocket and as server-sent events. */
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { WebSocket } from 'ws';
import { within } from '../helpers/wait.js';

const DEADLINE_MS = 20_000;

export interface Told {
  readonly seq: number;
  readonly type: string;
  readonly subject: string;
  readonly error?: { readonly code: string; readonly detail: string };
}

/** What both kinds of reader are to a test. */
export interface EventReader {
  /** Events that happened, without those that say how far it is. */
  readonly events: readonly Told[];
  /** What it would come back with. */
  readonly reached: number | null;
  stop(): void;
}

export class WebSocketReader implements EventReader {
  readonly frames: Told[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => this.frames.push(JSON.parse(String(data)) as Told));
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => resolve({ code, reason: String(reason) }));
    });
  }

  static async open(socketPath: string, query: string): Promise<WebSocketReader> {
    const reader = new WebSocketReader(new WebSocket(`ws+unix:${socketPath}:/v1/events${query}`));
    const opened = new Promise((resolve, reject) => {
      reader.#socket.on('open', resolve);
      reader.#socket.on('error', reject);
    });
    await within(opened, DEADLINE_MS, 'the connection');
    return reader;
  }

  get events(): readonly Told[] {
    return this.frames.filter(({ type }) => type !== undefined && type !== 'baton.events.reached');
  }

  get reached(): number | null {
    return this.frames.findLast(({ seq }) => seq !== undefined)?.seq ?? null;
  }

  send(text: string): void {
    this.#socket.send(text);
  }

  stop(): void {
    this.#socket.terminate();
  }
}

export class EventSourceReader implements EventReader {
  readonly events: Told[] = [];
  readonly problems: { readonly code: string }[] = [];
  readonly ended: Promise<void>;
  reached: number | null = null;
  /** Messages that only kept the connection. */
  comments = 0;
  readonly #request: ClientRequest;
  readonly #response: IncomingMessage;
  #rest = '';

  private constructor(outgoing: ClientRequest, response: IncomingMessage) {
    this.#request = outgoing;
    this.#response = response;
    this.ended = new Promise((resolve) => response.on('close', () => resolve()));
    response.setEncoding('utf8');
    response.on('error', () => undefined);
    response.on('data', (chunk: string) => {
      const blocks = (this.#rest + chunk).split('\n\n');
      this.#rest = blocks.pop() ?? '';
      for (const block of blocks) this.#take(block);
    });
  }

  static async open(
    socketPath: string,
    query: string,
    headers: Record<string, string> = {},
  ): Promise<EventSourceReader> {
    const outgoing = request({
      socketPath,
      path: `/v1/events${query}`,
      headers: { accept: 'text/event-stream', ...headers },
    });
    outgoing.on('error', () => undefined);
    outgoing.end();
    const response = await within(
      new Promise<IncomingMessage>((resolve, reject) => {
        outgoing.on('response', resolve);
        outgoing.on('error', reject);
      }),
      DEADLINE_MS,
      'an answer',
    );
    if (response.headers['content-type'] !== 'text/event-stream') {
      response.resume();
      throw new Error(`expected a stream of events, got ${response.statusCode}`);
    }
    return new EventSourceReader(outgoing, response);
  }

  /** Takes nothing from its socket any more. */
  pause(): void {
    this.#response.pause();
  }

  resume(): void {
    this.#response.resume();
  }

  stop(): void {
    this.#request.destroy();
  }

  #take(block: string): void {
    const fields = new Map(
      block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
    );
    const id = fields.get('id');
    if (id !== undefined) this.reached = Number(id);
    if (fields.has('')) this.comments += 1;
    const data = fields.get('data');
    if (data === undefined) return;
    if (fields.get('event')?.trim() === 'problem') this.problems.push(JSON.parse(data));
    else this.events.push(JSON.parse(data) as Told);
  }
}
