/** The folder that the guest's state goes to, for its owner's eyes only. The last step removes it. */
import { removeVmmFolder } from '../../instance/vmm-folder.js';
import { makeVmmFolder } from '../../instance/vmm-user.js';
import type { Step } from '../step.js';

export const makeFolder: Step = {
  name: 'make-folder',
  state: 'preparing',
  deadlineMs: 5_000,
  commits: false,
  async run({ folder }) {
    await removeVmmFolder(folder);
    makeVmmFolder(folder);
  },
  async undo({ folder }) {
    await removeVmmFolder(folder);
  },
};
