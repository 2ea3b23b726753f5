/**
 * What goes on for long: streams, and answers that are waited for. Each ends when what its principal proved itself with
 * does: a token at once when it is revoked, tokens and certificates when they expire. Streams are bounded per principal.
 */
import { BatonError } from '../errors.js';
import { type Caller, requesterName } from './principal.js';

export const DEFAULT_MAX_STREAMS = 100;
/** The longest wait that a timer of Node takes. */
const MAX_TIMER_MS = 2 ** 31 - 1;

interface Session {
  readonly caller: Caller;
  readonly end: (reason: BatonError) => void;
  readonly leave: () => void;
}

export class Sessions {
  readonly #maxStreams: number;
  readonly #sessions = new Set<Session>();
  readonly #streams = new Map<string, number>();

  constructor(maxStreams = DEFAULT_MAX_STREAMS) {
    this.#maxStreams = maxStreams;
  }

  get count(): number {
    return this.#sessions.size;
  }

  /** Throws when the caller has as many streams as it may. */
  requireRoom(caller: Caller): void {
    const count = this.#streams.get(requesterName(caller)) ?? 0;
    if (count < this.#maxStreams) return;
    const message = `${requesterName(caller)} has ${count} streams open, as many as it may: close some`;
    throw new BatonError('too_many_streams', message);
  }

  /** A stream of the caller's. Returns what to call when it is over. */
  enterStream(caller: Caller, end: Session['end']): () => void {
    const name = requesterName(caller);
    this.#streams.set(name, (this.#streams.get(name) ?? 0) + 1);
    const leave = this.enter(caller, end);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      leave();
      const left = (this.#streams.get(name) ?? 1) - 1;
      if (left > 0) this.#streams.set(name, left);
      else this.#streams.delete(name);
    };
  }

  /** Anything else that is to end with its caller. Returns what to call when it is over. */
  enter(caller: Caller, end: Session['end']): () => void {
    let timer: NodeJS.Timeout | undefined;
    const session: Session = {
      caller,
      end,
      leave: () => {
        clearTimeout(timer);
        this.#sessions.delete(session);
      },
    };
    const watch = (expiresAtMs: number) => {
      const leftMs = expiresAtMs - Date.now();
      if (leftMs <= 0) this.#end(session, 'what it was opened with has expired');
      else timer = setTimeout(() => watch(expiresAtMs), Math.min(leftMs, MAX_TIMER_MS)).unref();
    };
    this.#sessions.add(session);
    if (caller.expiresAtMs !== null) watch(caller.expiresAtMs);
    return session.leave;
  }

  /** A token was revoked. */
  revoked(credential: string): void {
    for (const session of [...this.#sessions]) {
      if (session.caller.credential === credential) this.#end(session, 'its token was revoked');
    }
  }

  #end(session: Session, why: string): void {
    session.leave();
    session.end(new BatonError('unauthenticated', `${requesterName(session.caller)}: ${why}`));
  }
}
