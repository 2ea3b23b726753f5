/** The backends of one machine whose descriptors go with the guest, as one. */
import type { CarriedDescriptor, Carrier, CarryGroup, CarryOutcome } from '../carried.js';

export class Carriers {
  readonly #present: () => readonly Carrier[];
  /** Those that wait to hear what becomes of theirs. */
  readonly #asked = new Set<Carrier>();

  /** `present`: those that are there at the moment. */
  constructor(present: () => readonly Carrier[]) {
    this.#present = present;
  }

  /** All of the group or none: when one cannot, those before it go on. */
  carry(group: CarryGroup = 'all'): readonly CarriedDescriptor[] {
    const descriptors: CarriedDescriptor[] = [];
    const asked: Carrier[] = [];
    try {
      for (const carrier of this.#present().filter((candidate) => isOf(candidate, group))) {
        asked.push(carrier);
        descriptors.push(...carrier.carry());
      }
    } catch (error) {
      for (const carrier of asked) carrier.carried('kept');
      throw error;
    }
    for (const carrier of asked) this.#asked.add(carrier);
    return descriptors;
  }

  carried(outcome: CarryOutcome): void {
    for (const carrier of this.#asked) carrier.carried(outcome);
    if (outcome === 'kept') this.#asked.clear();
  }

  guestRuns(runs: boolean): void {
    for (const carrier of this.#present()) carrier.guestRuns(runs);
  }
}

function isOf({ goesLate = false }: Carrier, group: CarryGroup): boolean {
  return group === 'all' || goesLate === (group === 'late');
}
