/**
 * The target has the descriptors and opens its monitor. A greeting does not mean that it is usable: real ones
 * were seen to greet and then wait for a backend, so everything here has the step's deadline. The guest runs, and
 * will not stop for a target that is made of other things than the source.
 */
import { EventWatch } from '../../instance/qmp-client.js';
import { UpgradeError } from '../../upgrade.js';
import { askHardware, hardwareDifferences } from '../guest-hardware.js';
import { enableCapabilities } from '../migration.js';
import { nothingToUndo, type Step, targetOf } from '../step.js';

const DEADLINE_MS = 20_000;

export const configureTarget: Step = {
  name: 'configure-target',
  state: 'configuring',
  deadlineMs: DEADLINE_MS,
  commits: false,
  async run(context, signal) {
    const target = targetOf(context);
    await target.connect({ deadlineMs: DEADLINE_MS, signal });
    context.targetEvents = new EventWatch(target.qmp);
    await enableCapabilities(target, ['events'], { signal });
    const status = target.runStatus;
    if (status === null || status.running || status.status !== 'inmigrate') {
      throw new UpgradeError(
        'target_rejected',
        `expected the target to wait for a migration (inmigrate), but it is ${status?.status}`,
      );
    }
    const differences = hardwareDifferences(
      context.sourceHardware ?? new Map(),
      await askHardware(target, signal),
    );
    if (differences.length > 0) {
      throw new UpgradeError(
        'target_not_verified',
        `expected the target to be made of the same: ${differences.join('; ')}`,
      );
    }
  },
  /** The target dies by the undo of the steps before. */
  undo: nothingToUndo,
};
