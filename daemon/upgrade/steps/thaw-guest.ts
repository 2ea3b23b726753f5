/** The target runs: what of the guest was frozen for the upgrade is thawed, before anything else is put in order. */
import { nothingToUndo, type Step } from '../step.js';

export const thawGuest: Step = {
  name: 'thaw-guest',
  state: 'finishing',
  deadlineMs: 60_000,
  commits: false,
  async run({ guest, target }) {
    if (guest !== null && target !== null) await guest.thaw(target);
  },
  undo: nothingToUndo,
};
