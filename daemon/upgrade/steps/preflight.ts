/** Looks whether it can work, and which mode to take. Touches nothing, so there is nothing to undo. */
import { UpgradeError } from '../../upgrade.js';
import { nothingToUndo, type Step } from '../step.js';

export const preflight: Step = {
  name: 'preflight',
  state: 'preflight',
  /** The first time for two builds both are asked at length, and other upgrades may wait to rehearse. */
  deadlineMs: 180_000,
  commits: false,
  looksOnly: true,
  async run(context, signal) {
    const { findings } = await context.examine(signal);
    const blocking = findings.filter(({ severity }) => severity === 'block');
    if (blocking.length === 0) return;
    const sentences = blocking.map(({ sentence, remedy }) => `${sentence} (${remedy})`);
    throw new UpgradeError('preflight_blocked', `preflight found what blocks it: ${sentences.join('; ')}`);
  },
  undo: nothingToUndo,
};
