/**
 * Mode and capabilities of the source, and its own word on what blocks it: `blocked-reasons` tell the truth only
 * once the mode is set, and for a guest that is to keep its memory only in cpr-transfer. `return-path` makes
 * `completed` mean that the target has loaded; a file has none. The mode is sticky, and a snapshot taken in a CPR
 * mode has no memory in it: undo sets it back. What the source is made of is asked here, where the guest runs, for
 * the target to be compared with.
 */
import { EventWatch } from '../../instance/qmp-client.js';
import { UpgradeError } from '../../upgrade.js';
import { monitorOf } from '../fence.js';
import { askHardware } from '../guest-hardware.js';
import { blockedReasons, setCapabilities, setMode } from '../migration.js';
import { type Step, sourceOf } from '../step.js';

/** The guest was never stopped: a source that is slow to answer does no harm. */
const UNDO_DEADLINE_MS = 20_000;

export const prepareSource: Step = {
  name: 'prepare-source',
  state: 'preparing',
  deadlineMs: 5_000,
  commits: false,
  async run(context, signal) {
    const source = sourceOf(context);
    context.sourceEvents = new EventWatch(source.qmp);
    context.sourceHardware = await askHardware(source, signal);
    const { mode } = context.upgrade;
    const hasReturnPath = mode === 'cpr-transfer';
    await setCapabilities(source, { events: true, 'return-path': hasReturnPath }, { signal });
    await setMode(source, mode === 'cpr-exec' ? 'cpr-transfer' : mode, { signal });
    const blocked = await blockedReasons(source, { signal });
    if (blocked.length > 0) {
      throw new UpgradeError('source_blocked', `the source cannot be carried over: ${blocked.join('; ')}`);
    }
  },
  async undo({ source }) {
    if (source === null || source.hasEnded) return;
    await monitorOf(source);
    await setMode(source, 'normal', { deadlineMs: UNDO_DEADLINE_MS });
  },
};
