/** Waits that end: with the value, with the abort's reason, or with an error that names what was waited for. */
import { setTimeout as delay } from 'node:timers/promises';

export class DeadlineError extends Error {
  constructor(what: string, deadlineMs: number) {
    super(`expected ${what} within ${deadlineMs} ms`);
    this.name = 'DeadlineError';
  }
}

export interface Wait {
  readonly deadlineMs: number;
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
}

/** The work goes on when the wait has ended: only for work that ends by itself and needs no more care. */
export function within<T>(work: Promise<T>, { deadlineMs, what, signal }: Wait): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => finish(() => reject(new DeadlineError(what, deadlineMs))), deadlineMs);
    const abort = () => finish(() => reject(signal?.reason));
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      settle();
    };
    work.then(
      (value) => finish(() => resolve(value)),
      (error) => finish(() => reject(error)),
    );
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
}

/** For work that hears a signal: it is aborted at the deadline. */
export async function inTime<T>(
  { deadlineMs, what, signal }: Wait,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new DeadlineError(what, deadlineMs)), deadlineMs);
  try {
    return await work(signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]));
  } finally {
    clearTimeout(timer);
  }
}

/** Asks `condition` again and again until it says something other than null. */
export async function until<T>(
  condition: () => T | null | Promise<T | null>,
  { deadlineMs, what, signal }: Wait,
  everyMs: number,
): Promise<T> {
  const giveUpAtMs = performance.now() + deadlineMs;
  for (;;) {
    signal?.throwIfAborted();
    const value = await condition();
    if (value !== null) return value;
    if (performance.now() >= giveUpAtMs) throw new DeadlineError(what, deadlineMs);
    await delay(everyMs);
  }
}
