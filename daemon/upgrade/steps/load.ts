/**
 * The target takes its state from a file. The guest stands still, so nothing is asked that can wait: the answers to
 * both requests are waited for together, and a target that waits for no migration refuses the second.
 */
import { EventWatch } from '../../instance/qmp-client.js';
import { QmpCommandError } from '../../instance/qmp-errors.js';
import { UpgradeError } from '../../upgrade.js';
import { askStatus, completed, withWords } from '../loading.js';
import { enableCapabilities } from '../migration.js';
import { stateFileOf } from '../rescue.js';
import { nothingToUndo, type Step, targetOf } from '../step.js';

const DEADLINE_MS = 15_000;

export const load: Step = {
  name: 'load',
  state: 'paused',
  deadlineMs: DEADLINE_MS,
  commits: false,
  async run(context, signal) {
    const target = targetOf(context);
    await target.connect({ deadlineMs: DEADLINE_MS, signal });
    const events = new EventWatch(target.qmp);
    context.targetEvents = events;
    const source = { uri: `file:${stateFileOf(context)}`, 'exit-on-error': false };
    try {
      await Promise.all([
        enableCapabilities(target, ['events'], { signal }),
        target.qmp.execute('migrate-incoming', source, { signal }),
      ]);
      await completed({ events, side: 'target', code: 'target_rejected' }, signal);
    } catch (error) {
      if (error instanceof QmpCommandError) {
        throw new UpgradeError('target_rejected', `the target refused: ${error.message}`, { cause: error });
      }
      throw await withWords(error, context);
    }
    askStatus(context, signal);
  },
  /** What the source has become is gone back from by the step that made it so. */
  undo: nothingToUndo,
};
