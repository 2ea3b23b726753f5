/**
 * The last look before the point of no return, while the guest stands still: one question and no more. A source
 * whose process has become the target has no say.
 */
import { within } from '../../instance/deadline.js';
import { UpgradeError } from '../../upgrade.js';
import { nothingToUndo, type Step, targetOf } from '../step.js';

const DEADLINE_MS = 2_000;
/** What a target that was started with `-S` is when it has loaded. */
const LOADED_AND_STOPPED = new Set(['paused', 'prelaunch']);

export const verify: Step = {
  name: 'verify',
  state: 'verifying',
  deadlineMs: DEADLINE_MS,
  commits: false,
  looksOnly: true,
  async run(context, signal) {
    const { source } = context;
    if (source !== null && source.runStatus?.running !== false) {
      throw new UpgradeError('target_not_verified', 'expected the source to be stopped, but it runs');
    }
    const asked = context.loadedStatus ?? targetOf(context).queryStatus({ signal });
    const wait = { deadlineMs: DEADLINE_MS, what: "the target's word on itself", signal };
    const { running, status } = await within(asked, wait);
    if (running || !LOADED_AND_STOPPED.has(status)) {
      throw new UpgradeError(
        'target_not_verified',
        `expected the target to have loaded and be stopped, but it is ${status}`,
      );
    }
  },
  undo: nothingToUndo,
};
