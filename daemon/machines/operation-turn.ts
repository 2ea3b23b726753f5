/**
 * What works on one machine: one operation at a time, looks only between operations. However an operation ends, the
 * machine's recorded state then agrees with what is seen, and how it ended is written. It is done for whoever asked for
 * it, also by a later daemon.
 */
import type { Logger } from 'pino';
import { asRequester } from '../access/requester.js';
import { BatonError } from '../errors.js';
import type { Operation } from '../operation.js';
import type { HoldMachine } from '../preflight/preflight.js';
import { MachineHold } from './hold.js';
import type { ObservedState } from './observed-state.js';
import { type OperationLog, toProblem } from './operation-log.js';

export type Work = (signal: AbortSignal) => Promise<void>;

interface Underway {
  readonly operation: Operation;
  readonly abort: AbortController;
  done: Promise<void>;
}

class Interrupted extends BatonError {
  constructor() {
    super('vmm_failed', 'the operation was ended by a kill');
  }
}

export class OperationTurn {
  readonly #operations: OperationLog;
  readonly #observed: ObservedState;
  readonly #log: Logger;
  readonly #hold = new MachineHold();
  #underway: Underway | null = null;

  constructor(operations: OperationLog, observed: ObservedState, log: Logger) {
    this.#operations = operations;
    this.#observed = observed;
    this.#log = log;
  }

  /** The operation under way; null: none is. */
  get operation(): Operation | null {
    return this.#underway?.operation ?? null;
  }

  /** For work that is no operation. */
  readonly look: HoldMachine = (work) => this.#hold.run(() => this.#underway !== null, work);

  /** One that breaks into another has ended that one itself. */
  run(operation: Operation, work: Work): void {
    this.#begin(operation, (underway) => this.#execute(underway, work));
  }

  /** For work that writes itself how it ended, while the machine is still its own. `left` comes after it. */
  runToItsEnd(operation: Operation, work: Work, left: (error: unknown) => void): void {
    this.#begin(operation, async ({ abort }) => {
      let failure: unknown = null;
      try {
        await this.#hold.takeBack();
        await work(abort.signal);
      } catch (error) {
        failure = error;
      }
      this.#underway = null;
      left(failure);
    });
  }

  /** Returns how to end what is under way now, for an operation that breaks in. */
  interruption(): () => Promise<void> {
    const interrupted = this.#underway;
    return async () => {
      interrupted?.abort.abort(new Interrupted());
      await interrupted?.done;
    };
  }

  abort(reason: Error): void {
    this.#underway?.abort.abort(reason);
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#underway !== null) await this.#underway.done;
  }

  #begin(operation: Operation, execute: (underway: Underway) => Promise<void>): void {
    const underway: Underway = { operation, abort: new AbortController(), done: Promise.resolve() };
    this.#underway = underway;
    underway.done = asRequester(operation.requester, () => execute(underway));
  }

  async #execute(underway: Underway, work: Work): Promise<void> {
    const { operation, abort } = underway;
    let failure: unknown = null;
    try {
      if (operation.kind !== 'kill') await this.#hold.takeBack();
      await work(abort.signal);
    } catch (error) {
      failure = error;
      if (!abort.signal.aborted)
        this.#log.error({ err: error, operation: operation.kind }, 'operation failed');
    }
    /* A kill that broke in owns the machine already. */
    if (this.#underway === underway) this.#underway = null;
    try {
      if (this.#underway === null) this.#observed.settle();
      if (failure !== null) this.#observed.lookAgain();
      if (failure === null) this.#operations.end(operation, 'succeeded', null);
      else this.#operations.end(operation, abort.signal.aborted ? 'cancelled' : 'failed', toProblem(failure));
    } catch (error) {
      this.#log.error(
        { err: error, operation: operation.id },
        'the end of an operation could not be written',
      );
    }
  }
}
