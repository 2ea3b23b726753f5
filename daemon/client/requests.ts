/**
 * Requests that survive a daemon that restarts. What is safe to ask again is asked again for a while when the
 * connection breaks: reading, what says the whole of something, deletions of what has an id, and posts, which carry an
 * Idempotency-Key, if the daemon keeps those. A daemon that was never there is told at once.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Root } from './documents.js';
import { ConnectionLostError, ProblemError, ProtocolError, problemOf, UnreachableError } from './errors.js';
import type { Answer, Transport } from './transport.js';

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  /** Members that are undefined are left out. */
  readonly query?: object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
  /** What the path names is never made again under that name: a deletion of it can be repeated. */
  readonly isById?: boolean;
  /** Not asked again when the connection breaks, whatever it is. */
  readonly once?: boolean;
}

export interface RequestOptions {
  /** For one request and its answer. */
  readonly deadlineMs: number;
  /** For how long a request is repeated when the connection breaks. */
  readonly retryMs: number;
  /** Told of every exchange, for those who look on. */
  readonly onExchange?: (line: string) => void;
}

const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 1_000;
/** In the answer to GET /v1. */
const KEEPS_KEYS = 'idempotency-keys';

export class Requests {
  readonly transport: Transport;
  readonly #options: RequestOptions;
  #wasReached = false;

  constructor(transport: Transport, options: RequestOptions) {
    this.transport = transport;
    this.#options = options;
  }

  /** Rejects with a `ClientError`; a problem is a `ProblemError`. */
  async call(call: Call): Promise<Answer> {
    const answer = await this.raw(call);
    if (answer.status < 400) return answer;
    const problem = problemOf(answer.status, answer.text);
    if (problem !== null) throw new ProblemError(problem);
    throw new ProtocolError(
      `expected a problem document from ${call.method} ${call.path}, got status ${answer.status}: ${answer.text.slice(0, 200)}`,
    );
  }

  async json<T>(call: Call): Promise<T> {
    const { text } = await this.call(call);
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      throw new ProtocolError(`expected JSON from ${call.method} ${call.path}, got ${text.slice(0, 200)}`, {
        cause,
      });
    }
  }

  /** Whatever the status says. */
  async raw(call: Call): Promise<Answer> {
    const keyed =
      call.method === 'POST' && !call.once && call.headers?.['idempotency-key'] === undefined
        ? { ...call, headers: { ...call.headers, 'idempotency-key': randomUUID() } }
        : call;
    const giveUpAt = performance.now() + this.#options.retryMs;
    let wasSent = false;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(MAX_PAUSE_MS, pauseMs * 2)) {
      let waitMs = pauseMs;
      try {
        const answer = await this.#exchange(keyed);
        this.#wasReached = true;
        const retryAfterMs = notYet(answer, wasSent);
        if (retryAfterMs === null) return wasSent ? afterAll(keyed, answer) : answer;
        waitMs = Math.max(pauseMs, retryAfterMs);
        if (performance.now() + waitMs > giveUpAt) return answer;
      } catch (error) {
        if (performance.now() > giveUpAt) throw error;
        if (error instanceof UnreachableError && !this.#wasReached) throw error;
        if (!(error instanceof UnreachableError || error instanceof ConnectionLostError)) throw error;
        if (error instanceof ConnectionLostError) {
          if (!wasSent && !(await this.#isSafeAgain(keyed, giveUpAt))) throw error;
          wasSent = true;
        }
      }
      await pause(waitMs, call.signal);
    }
  }

  async #exchange({ method, path, query, headers, body, deadlineMs, signal }: Call): Promise<Answer> {
    const startedAt = performance.now();
    const target = path + queryOf(query);
    const isText = typeof body === 'string';
    const tell = (end: string) => {
      const ms = (performance.now() - startedAt).toFixed(1);
      this.#options.onExchange?.(`${method} ${target} ${end} in ${ms} ms`);
    };
    try {
      const answer = await this.transport.exchange({
        method,
        path: target,
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        ...(body === undefined ? {} : { body: isText ? (body as string) : JSON.stringify(body) }),
        deadlineMs: deadlineMs ?? this.#options.deadlineMs,
        ...(signal === undefined ? {} : { signal }),
      });
      tell(String(answer.status));
      return answer;
    } catch (error) {
      tell(error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  /** Asked only when a connection broke, so that nobody pays for it otherwise. */
  async #isSafeAgain({ method, headers, once, isById, signal }: Call, giveUpAt: number): Promise<boolean> {
    if (once === true || method === 'PATCH') return false;
    if (method === 'DELETE') return isById === true;
    if (headers?.['if-match'] !== undefined) return false;
    if (method !== 'POST') return true;
    const stopping = signal === undefined ? {} : { signal };
    for (let pauseMs = FIRST_PAUSE_MS; performance.now() < giveUpAt; pauseMs *= 2) {
      try {
        const { text } = await this.#exchange({ method: 'GET', path: '/v1', ...stopping });
        return (JSON.parse(text) as Root).abilities.includes(KEEPS_KEYS);
      } catch {
        await pause(Math.min(pauseMs, MAX_PAUSE_MS), signal);
      }
    }
    return false;
  }
}

/** Rejects with the reason of the signal as soon as that is aborted. */
async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await delay(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  }
}

export function queryOf(query: Call['query']): string {
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== undefined);
  if (given.length === 0) return '';
  return `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`;
}

/** Milliseconds after which what was certainly not done can be asked again; null: it is an answer. */
function notYet({ status, headers, text }: Answer, wasSent: boolean): number | null {
  if (status !== 503 && status !== 429 && status !== 409) return null;
  const code = problemOf(status, text)?.code;
  const isBusy = code === 'shutting_down' || code === 'too_many_requests';
  const isOurs = wasSent && code === 'idempotency_key_in_use';
  return isBusy || isOurs ? Number(headers['retry-after'] ?? 0) * 1000 : null;
}

/** What the first try has deleted is not there for the second. */
function afterAll({ method }: Call, answer: Answer): Answer {
  return method === 'DELETE' && answer.status === 404 ? { ...answer, status: 204, text: '' } : answer;
}
