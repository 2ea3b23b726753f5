/** How `baton` ends, for scripts. These numbers never change their meaning; the manual's table is made of this one. */
import {
  ClientError,
  ConnectionLostError,
  DeadlineError,
  LocationError,
  ProblemError,
  UnreachableError,
} from '../client/index.js';

export const EXIT_CODES = {
  done: { code: 0, means: 'It is done.' },
  failed: {
    code: 1,
    means: 'It was asked for and did not happen: the operation failed or went back, or the answer is no.',
  },
  usage: { code: 2, means: 'The command line or the document is not valid.' },
  unreachable: { code: 3, means: 'The daemon cannot be reached, or is stopping.' },
  notFound: { code: 4, means: 'There is no such thing, or it is no longer kept.' },
  forbidden: {
    code: 5,
    means: 'It is not allowed: the daemon does not know who asks, or the role is too low.',
  },
  conflict: { code: 6, means: 'Not now: its state, another operation or a change meanwhile is in the way.' },
  timeout: { code: 7, means: 'The time given was over. What was asked for may go on.' },
  busy: { code: 8, means: 'The daemon is too busy, or has no room: try again later.' },
} as const satisfies Record<string, { readonly code: number; readonly means: string }>;

/** Ended by a signal: 128 and its number, as shells have it. */
export const SIGNAL_BASE = 128;
export const SIGNALS_MEAN =
  'Ended by a signal: 130 is Ctrl-C, 143 is SIGTERM, 141 is a reader that went away.';

export type ExitName = keyof typeof EXIT_CODES;

/** Something that `baton` itself has to say, with how it ends. */
export class CommandError extends Error {
  readonly exit: ExitName;
  /** Commands that help, each on a line of its own. */
  readonly hints: readonly string[];

  constructor(exit: ExitName, message: string, hints: readonly string[] = []) {
    super(message);
    this.name = 'CommandError';
    this.exit = exit;
    this.hints = hints;
  }
}

export function usageError(message: string, ...hints: string[]): CommandError {
  return new CommandError('usage', message, hints);
}

const BY_STATUS: Readonly<Record<number, ExitName>> = {
  400: 'usage',
  401: 'forbidden',
  403: 'forbidden',
  404: 'notFound',
  409: 'conflict',
  410: 'notFound',
  412: 'conflict',
  413: 'usage',
  415: 'usage',
  422: 'usage',
  428: 'conflict',
  429: 'busy',
  431: 'usage',
  503: 'busy',
  507: 'busy',
};

export function exitOfStatus(status: number): ExitName {
  if (status < 400) return 'done';
  return BY_STATUS[status] ?? 'failed';
}

export function exitOf(error: unknown): ExitName {
  if (error instanceof CommandError) return error.exit;
  if (error instanceof ProblemError) {
    return error.code === 'shutting_down' ? 'unreachable' : exitOfStatus(error.status);
  }
  if (error instanceof UnreachableError || error instanceof ConnectionLostError) return 'unreachable';
  if (error instanceof DeadlineError) return 'timeout';
  if (error instanceof LocationError) return 'usage';
  if (error instanceof ClientError) return 'unreachable';
  return 'failed';
}
