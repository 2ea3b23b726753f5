/** Comes back when a session's connection breaks, until it is told to stop or has tried for too long. */
import { setTimeout as delay } from 'node:timers/promises';
import { type ClientError, ConnectionLostError, ProblemError, UnreachableError } from './errors.js';

export interface Persistence {
  /** How long it is tried to come back; default: for ever. */
  readonly patienceMs?: number;
  readonly signal?: AbortSignal;
  /** It is connected for the first time. */
  readonly onOpen?: () => void;
  /** The connection broke, and it is tried to come back. */
  readonly onLost?: (reason: string) => void;
  /** It is back. */
  readonly onBack?: () => void;
}

/** What a session ended with: `done` is nothing to come back from. */
export type SessionEnd = 'done' | { readonly lost: string };

const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 2_000;

/**
 * `session` is called again and again; it calls `isOpen` when it has connected. What it rejects with is the end, unless
 * the daemon is merely away and was there before.
 */
export async function persistently(
  session: (isOpen: () => void) => Promise<SessionEnd>,
  { patienceMs = Infinity, signal, onOpen, onLost, onBack }: Persistence,
): Promise<void> {
  let wasOpen = false;
  let lostAt: number | null = null;
  let pauseMs = FIRST_PAUSE_MS;
  const isOpen = () => {
    if (!wasOpen) onOpen?.();
    else if (lostAt !== null) onBack?.();
    wasOpen = true;
    lostAt = null;
    pauseMs = FIRST_PAUSE_MS;
  };
  const lose = (reason: string) => {
    if (lostAt === null) onLost?.(reason);
    lostAt ??= performance.now();
  };
  for (;;) {
    try {
      const end = await session(isOpen);
      if (end === 'done' || signal?.aborted) return;
      lose(end.lost);
    } catch (error) {
      if (signal?.aborted) return;
      if (!wasOpen || !isAway(error)) throw error;
      lose(error.message);
    }
    if (performance.now() - (lostAt ?? 0) > patienceMs) {
      throw new ConnectionLostError(`the daemon did not come back within ${patienceMs} ms`);
    }
    await delay(pauseMs, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
    if (signal?.aborted) return;
    pauseMs = Math.min(MAX_PAUSE_MS, pauseMs * 2);
  }
}

function isAway(error: unknown): error is ClientError {
  if (error instanceof ProblemError) return error.status === 503;
  return error instanceof UnreachableError || error instanceof ConnectionLostError;
}
