/** The source is put away: it holds all of the guest's memory mapped and is of no more use. */
import { putAway } from '../../instance/put-away.js';
import { UpgradeError } from '../../upgrade.js';
import { nothingToUndo, type Step } from '../step.js';

export const releaseSource: Step = {
  name: 'release-source',
  state: 'finishing',
  deadlineMs: 15_000,
  commits: false,
  async run({ source, host }) {
    if (source === null) return;
    try {
      await putAway(source, host);
    } catch (cause) {
      const message = `the machine runs on the target, but the old process ${source.process.pid} does not end`;
      throw new UpgradeError('source_not_released', message, { cause });
    }
  },
  undo: nothingToUndo,
};
