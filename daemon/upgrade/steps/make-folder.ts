/** The folder that the guest's state goes to, for its owner's eyes only. The last step removes it. */
import { rm } from 'node:fs/promises';
import { makeVmmFolder } from '../../instance/vmm-user.js';
import type { Step } from '../step.js';

export const makeFolder: Step = {
  name: 'make-folder',
  state: 'preparing',
  deadlineMs: 5_000,
  commits: false,
  async run({ folder }) {
    await rm(folder, { recursive: true, force: true });
    makeVmmFolder(folder);
  },
  async undo({ folder }) {
    await rm(folder, { recursive: true, force: true });
  },
};
