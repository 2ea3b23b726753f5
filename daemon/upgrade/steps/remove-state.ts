/** The target runs: the state that it was loaded from is old. */
import { messageOf } from '../../errors.js';
import { removeVmmFolder } from '../../instance/vmm-folder.js';
import { UpgradeError } from '../../upgrade.js';
import { nothingToUndo, type Step } from '../step.js';

export const removeState: Step = {
  name: 'remove-state',
  state: 'finishing',
  deadlineMs: 15_000,
  commits: false,
  async run({ folder }) {
    try {
      await removeVmmFolder(folder);
    } catch (cause) {
      const message = `the machine runs on the target, but its old state at ${folder} stays: ${messageOf(cause)}`;
      throw new UpgradeError('state_not_removed', message, { cause });
    }
  },
  undo: nothingToUndo,
};
