/**
 * The guest is told that it is about to stand still, and its filesystems are frozen, as far as that was wished and its
 * agent answers. As late as can be, for it may be told of an upgrade that comes to nothing, and is frozen until the
 * end: the target's process is there; from the next step on a VMM that carries its clients takes no new one. It is no
 * condition: an agent that is silent costs a moment, in which the guest runs.
 */
import type { Step } from '../step.js';

/** More than all that is asked may take: what is late is given up there, and the upgrade goes on. */
const DEADLINE_MS = 90_000;

export const prepareGuest: Step = {
  name: 'prepare-guest',
  state: 'preparing',
  deadlineMs: DEADLINE_MS,
  commits: false,
  async run({ guest, source }, signal) {
    if (guest !== null && source !== null) await guest.prepare(source, signal);
  },
  /** The guest is where it was, and runs if the steps after this one could be undone. */
  async undo({ guest, source }) {
    if (guest === null || source === null || source.hasEnded) return;
    await guest.thaw(source);
    await guest.tell(source, 'stayed');
  },
};
