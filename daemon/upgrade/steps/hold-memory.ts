/**
 * Before a VMM replaces itself: the descriptors of its guest's memory go to a keeper, which outlives it. The guest
 * runs meanwhile. Undo is the last to need them.
 */
import { holdMemory, releaseMemory } from '../memory-keeper.js';
import { type Step, sourceOf } from '../step.js';

export const holdMemoryBeside: Step = {
  name: 'hold-memory',
  state: 'preparing',
  deadlineMs: 20_000,
  commits: false,
  async run(context, signal) {
    await holdMemory(sourceOf(context), context.folder, context.host, signal);
  },
  async undo({ folder, host }) {
    await releaseMemory(folder, host);
  },
};
