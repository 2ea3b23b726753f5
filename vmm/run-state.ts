/**
 * The run states of a VM, by QMP's names, and which may follow which. One object holds the state; asking
 * it for a transition that is not in the table is a mistake of ours and throws.
 *
 *     prelaunch ──cont──► running ◄──cont/stop──► paused        inmigrate ──load──► running | paused | …
 *                            │ migrate                │
 *                            └────► finish-migrate ◄──┘
 *                     failed: back    │     done: postmigrate ──cont──► running
 */

export const RUN_STATES = [
  /** Built, never ran (`-S`), or reset while it was not running. */
  'prelaunch',
  /** Waiting for, or loading, an incoming migration. */
  'inmigrate',
  /** A vCPU may execute. */
  'running',
  /** Stopped by a command. */
  'paused',
  /** Stopped because a disk failed; `cont` tries again. */
  'io-error',
  /** Stopped by an outgoing migration that is sending device state. */
  'finish-migrate',
  /** Stopped for good reasons: another process has the state now. */
  'postmigrate',
  /** The guest powered itself off and `-no-shutdown` keeps the process. Needs a reset to run again. */
  'shutdown',
] as const;

export type RunState = (typeof RUN_STATES)[number];

const NEXT: Readonly<Record<RunState, readonly RunState[]>> = {
  prelaunch: ['running', 'finish-migrate', 'inmigrate'],
  inmigrate: ['running', 'paused', 'shutdown', 'prelaunch', 'postmigrate', 'io-error'],
  running: ['paused', 'io-error', 'finish-migrate', 'shutdown'],
  paused: ['running', 'finish-migrate', 'prelaunch', 'shutdown'],
  'io-error': ['running', 'finish-migrate', 'prelaunch', 'shutdown'],
  'finish-migrate': ['running', 'paused', 'io-error', 'postmigrate', 'prelaunch', 'shutdown'],
  postmigrate: ['running', 'prelaunch'],
  shutdown: ['prelaunch', 'finish-migrate'],
};

export function isRunState(value: unknown): value is RunState {
  return (RUN_STATES as readonly unknown[]).includes(value);
}

export class RunStateHolder {
  #current: RunState;

  constructor(initial: RunState) {
    this.#current = initial;
  }

  get current(): RunState {
    return this.#current;
  }

  /** Setting the current state again changes nothing. */
  set(next: RunState): void {
    if (next === this.#current) return;
    if (!NEXT[this.#current].includes(next)) {
      throw new Error(
        `run state '${this.#current}' cannot become '${next}', only ${NEXT[this.#current].join(', ')}`,
      );
    }
    this.#current = next;
  }
}
