/** The very last: a guest that was told before is told that it is over. Nobody waits for it. */
import { nothingToUndo, type Step } from '../step.js';

export const tellGuest: Step = {
  name: 'tell-guest',
  state: 'finishing',
  deadlineMs: 60_000,
  commits: false,
  async run({ guest, target }) {
    if (guest !== null && target !== null) await guest.tell(target, 'moved');
  },
  undo: nothingToUndo,
};
