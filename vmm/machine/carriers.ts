/** The backends of one machine whose descriptors go with the guest, as one. */
import type { CarriedDescriptor, Carrier, CarryOutcome } from '../carried.js';

export class Carriers implements Carrier {
  readonly #present: () => readonly Carrier[];

  /** `present`: those that are there at the moment. */
  constructor(present: () => readonly Carrier[]) {
    this.#present = present;
  }

  /** All or none: when one cannot, those before it go on. */
  carry(): readonly CarriedDescriptor[] {
    const descriptors: CarriedDescriptor[] = [];
    const asked: Carrier[] = [];
    try {
      for (const carrier of this.#present()) {
        asked.push(carrier);
        descriptors.push(...carrier.carry());
      }
      return descriptors;
    } catch (error) {
      for (const carrier of asked) carrier.carried('kept');
      throw error;
    }
  }

  carried(outcome: CarryOutcome): void {
    for (const carrier of this.#present()) carrier.carried(outcome);
  }

  guestRuns(runs: boolean): void {
    for (const carrier of this.#present()) carrier.guestRuns(runs);
  }
}
