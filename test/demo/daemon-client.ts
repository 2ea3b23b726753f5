/**
 * Speaks to batond as any client would: REST and WebSocket over its unix socket, nothing else. Every wait
 * has a deadline. A problem document becomes an error with its code and detail.
 */
import { request } from 'node:http';
import { WebSocket } from 'ws';
import { waitFor } from '../helpers/wait.js';

const REQUEST_DEADLINE_MS = 10_000;

export interface Reply {
  readonly status: number;
  readonly location: string | null;
  readonly text: string;
}

export interface DaemonEvent {
  readonly seq: number;
  readonly type: string;
  readonly subject: string;
  readonly time: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export class ProblemError extends Error {
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

interface OperationDocument {
  readonly state: 'running' | 'succeeded' | 'failed' | 'cancelled';
  readonly error: { readonly title: string; readonly detail: string; readonly code: string } | null;
}

export class DaemonClient {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  async get<T>(path: string): Promise<T> {
    return JSON.parse((await this.#send('GET', path)).text) as T;
  }

  /** `undefined` when the daemon answers with the problem `absentCode`. */
  async getText(path: string, absentCode: string): Promise<string | undefined> {
    try {
      return (await this.#send('GET', path)).text;
    } catch (error) {
      if (error instanceof ProblemError && error.code === absentCode) return undefined;
      throw error;
    }
  }

  async post<T>(path: string, body?: unknown): Promise<T> {
    return JSON.parse((await this.#send('POST', path, body)).text) as T;
  }

  async delete(path: string): Promise<void> {
    await this.#send('DELETE', path);
  }

  /** Asks for something that can take long; resolves with the operation's path when it has succeeded. */
  async perform(path: string, body?: unknown, deadlineMs = 60_000): Promise<string> {
    const { location } = await this.#send('POST', path, body);
    if (location === null) throw new Error(`expected a Location in the answer to POST ${path}`);
    const ended = async () => {
      const operation = await this.get<OperationDocument>(location);
      return operation.state === 'running' ? undefined : operation;
    };
    const { state, error } = await waitFor(ended, { deadlineMs, what: `${path} to end` });
    if (state !== 'succeeded') throw new Error(`${path} ${state}: ${error?.title} (${error?.detail})`);
    return location;
  }

  /** Calls `onEvent` for every event after `after`, until `close` is called. Resolves when connected. */
  follow(after: number, onEvent: (event: DaemonEvent) => void): Promise<{ close(): void }> {
    const socket = new WebSocket(`ws+unix:${this.#socketPath}:/v1/events?after=${after}`, {
      handshakeTimeout: REQUEST_DEADLINE_MS,
    });
    socket.on('message', (data) => onEvent(JSON.parse(String(data)) as DaemonEvent));
    return new Promise((resolve, reject) => {
      socket.once('open', () => resolve({ close: () => socket.terminate() }));
      socket.on('error', reject);
    });
  }

  #send(method: string, path: string, body?: unknown): Promise<Reply> {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const outgoing = request({
        socketPath: this.#socketPath,
        method,
        path,
        timeout: REQUEST_DEADLINE_MS,
        headers:
          payload === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) },
      });
      outgoing.on('timeout', () => outgoing.destroy(new Error(`${method} ${path}: no answer in time`)));
      outgoing.on('error', reject);
      outgoing.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('error', reject);
        response.on('end', () => {
          const status = response.statusCode ?? 0;
          const location = response.headers.location ?? null;
          if (status < 400) resolve({ status, location, text });
          else reject(problem(`${method} ${path}`, status, text));
        });
      });
      outgoing.end(payload);
    });
  }
}

function problem(what: string, status: number, text: string): Error {
  let document: Record<string, string>;
  try {
    document = JSON.parse(text) as Record<string, string>;
  } catch {
    return new Error(`${what}: ${status}: ${text.slice(0, 300)}`);
  }
  const { code = '', detail, title } = document;
  return new ProblemError(`${what}: ${status} ${code}: ${detail ?? title}`, code);
}
