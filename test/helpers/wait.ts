/** Waits for conditions, never for time: every wait names what it waits for and has a deadline. */
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 5;

/** Resolves with the first value of `condition` that is neither `undefined`, `null` nor `false`. */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  { deadlineMs = 10_000, pollMs = POLL_MS, what }: { deadlineMs?: number; pollMs?: number; what: string },
): Promise<NonNullable<T>> {
  const giveUpAt = performance.now() + deadlineMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== null && value !== false) return value as NonNullable<T>;
    if (performance.now() > giveUpAt) throw new Error(`expected ${what} within ${deadlineMs} ms`);
    await delay(pollMs);
  }
}

/** Rejects when `promise` is not settled in time. */
export async function within<T>(promise: Promise<T>, deadlineMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`expected ${what} within ${deadlineMs} ms`)), deadlineMs);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
