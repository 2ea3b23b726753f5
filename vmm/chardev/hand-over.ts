/**
 * Where a backend stands in a hand-over, and so what it may do with the descriptors that another process has too.
 *
 *     source   carry ► (guest stopped) quiet ► kept: as before
 *                                            ► gone: quiet until the end, or until the operator takes the guest back
 *     target   quiet until the guest runs here for the first time
 */
import type { CarryOutcome } from '../carried.js';

export class HandOver {
  #runs = false;
  #awaitsGuest: boolean;
  #isCarrying = false;

  constructor(awaitsGuest: boolean) {
    this.#awaitsGuest = awaitsGuest;
  }

  /** Nothing is read or written: what is held is in the guest's state, or the guest is not here yet. */
  get isQuiet(): boolean {
    return this.#awaitsGuest || (this.#isCarrying && !this.#runs);
  }

  /** No descriptor changes: copies of all are with another process, or may still be taken back by one. */
  get isFixed(): boolean {
    return this.#awaitsGuest || this.#isCarrying;
  }

  /** The descriptors were given away and not taken back. */
  get isCarrying(): boolean {
    return this.#isCarrying;
  }

  carry(): void {
    this.#isCarrying = true;
  }

  carried(outcome: CarryOutcome): void {
    if (outcome === 'kept') this.#isCarrying = false;
  }

  guestRuns(runs: boolean): void {
    this.#runs = runs;
    if (runs) this.#awaitsGuest = false;
  }
}
