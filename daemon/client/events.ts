/**
 * Events: what happened, by sequence without gaps. A subscription survives the daemon's restart: it goes on after the
 * last event that it gave out. When what it would go on with is no longer kept, it ends with that problem.
 */
import { openChannel } from './channel.js';
import type { Event, Problem } from './documents.js';
import { ProblemError } from './errors.js';
import { EventQueue } from './event-queue.js';
import { type Persistence, persistently } from './reconnecting.js';
import { queryOf, type Requests } from './requests.js';

export interface EventFilter {
  /** A list with commas; each exact, or a beginning with `*`. */
  readonly type?: string;
  /** Id or name. */
  readonly machine?: string;
}

export interface FollowOptions extends EventFilter, Persistence {
  /** Events with a higher sequence; default: those to come. */
  readonly after?: number;
}

/** Is no event, but says how far a reader has come whom a filter lets little through to. */
const REACHED = 'baton.events.reached';

export class Events {
  readonly #requests: Requests;

  constructor(requests: Requests) {
    this.#requests = requests;
  }

  async list(query: EventFilter & { readonly after?: number; readonly limit?: number } = {}) {
    return this.#requests.json<{ readonly events: readonly Event[]; readonly last: number }>({
      method: 'GET',
      path: '/v1/events',
      query,
    });
  }

  /** The sequence of the newest event. */
  async last(): Promise<number> {
    return (await this.list({ limit: 1 })).last;
  }

  /** Each event once and in order, until `signal` or the end of the loop over it. */
  async *follow(options: FollowOptions = {}): AsyncGenerator<Event> {
    const queue = new EventQueue<Event>();
    const ended = new AbortController();
    const signals = options.signal === undefined ? [ended.signal] : [ended.signal, options.signal];
    const signal = AbortSignal.any(signals);
    const following = this.#follow(queue, { ...options, signal });
    try {
      yield* queue.drain(following);
    } finally {
      ended.abort();
      await following.catch(() => undefined);
    }
  }

  async #follow(
    queue: EventQueue<Event>,
    { after, type, machine, ...persistence }: FollowOptions,
  ): Promise<void> {
    const { signal } = persistence;
    /* From the start a number: what happens while a first connection breaks is not lost. */
    let last = after ?? (await this.last());
    await persistently(async (isOpen) => {
      let refusal: Problem | null = null;
      const path = `/v1/events${queryOf({ after: last, type, machine })}`;
      const channel = await openChannel(this.#requests.transport, path, (data) => {
        const message = JSON.parse(String(data)) as Event & { readonly error?: Problem };
        if (message.error !== undefined) {
          refusal = message.error;
          return;
        }
        if (message.seq <= last) return;
        last = message.seq;
        if (message.type !== REACHED) queue.push(message);
      });
      const close = () => channel.close();
      signal?.addEventListener('abort', close, { once: true });
      if (signal?.aborted) close();
      queue.fillFrom(channel.socket);
      isOpen();
      const { code, reason } = await channel.closed;
      signal?.removeEventListener('abort', close);
      if (refusal !== null && (refusal as Problem).code !== 'slow_reader') throw new ProblemError(refusal);
      return { lost: reason || `the connection was closed (${code})` };
    }, persistence);
  }
}
