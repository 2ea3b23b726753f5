/** The target runs, with the memory mapped itself: what kept it beside the VMM goes, and the state with it. */
import { messageOf } from '../../errors.js';
import { UpgradeError } from '../../upgrade.js';
import { releaseMemory } from '../memory-keeper.js';
import { nothingToUndo, type Step } from '../step.js';

export const releaseMemoryBeside: Step = {
  name: 'release-memory',
  state: 'finishing',
  deadlineMs: 15_000,
  commits: false,
  async run({ folder, host }) {
    try {
      await releaseMemory(folder, host);
    } catch (cause) {
      const message = `the machine runs on the target, but its keeper at ${folder} stays: ${messageOf(cause)}`;
      throw new UpgradeError('memory_not_released', message, { cause });
    }
  },
  undo: nothingToUndo,
};
