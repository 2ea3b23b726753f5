/**
 * Mode and capabilities of the source, and its own word on what blocks it: `blocked-reasons` tell the truth only
 * once the mode is set. `return-path` makes `completed` mean that the target has loaded. The mode is sticky, and
 * a snapshot taken in a CPR mode has no memory in it: undo sets it back.
 */
import { EventWatch } from '../../instance/qmp-client.js';
import { UpgradeError } from '../../upgrade.js';
import { monitorOf } from '../fence.js';
import { enableCapabilities, queryMigrate, setMode } from '../migration.js';
import { type Step, sourceOf } from '../step.js';

export const prepareSource: Step = {
  name: 'prepare-source',
  state: 'preparing',
  deadlineMs: 5_000,
  commits: false,
  async run(context, signal) {
    const source = sourceOf(context);
    context.sourceEvents = new EventWatch(source.qmp);
    await enableCapabilities(source, ['events', 'return-path'], { signal });
    await setMode(source, context.upgrade.mode, { signal });
    const blocked = (await queryMigrate(source, { signal }))['blocked-reasons'] ?? [];
    if (blocked.length > 0) {
      throw new UpgradeError('source_blocked', `the source cannot be carried over: ${blocked.join('; ')}`);
    }
  },
  async undo({ source }) {
    if (source === null || source.hasEnded) return;
    await monitorOf(source);
    await setMode(source, 'normal');
  },
};
