/**
 * The target listens, the source stops the guest and sends its state. Here the guest begins to stand still, so
 * the deadline is short. Done when the source says completed (with return-path: the target has loaded) and the
 * target says completed; its run state is asked for at once, for the next step to look at.
 */
import { timestampMicros } from '../../../vmm/qmp/protocol.js';
import type { EventWatch } from '../../instance/qmp-client.js';
import { fenceTarget, returnToSource } from '../fence.js';
import { askStatus, completed, withWords } from '../loading.js';
import { type Step, targetOf, type UpgradeContext } from '../step.js';

function watchesOf(context: UpgradeContext): { source: EventWatch; target: EventWatch } {
  const { sourceEvents: source, targetEvents: target } = context;
  if (source === null || target === null) throw new Error('both sides must be watched before the hand-over');
  return { source, target };
}

export const handOver: Step = {
  name: 'hand-over',
  state: 'configuring',
  deadlineMs: 3_000,
  commits: false,
  async run(context, signal) {
    const { source, target } = watchesOf(context);
    context.holdInput();
    const first = new AbortController();
    const either = AbortSignal.any([signal, first.signal]);
    const stopped = context.upgrade.wasRunning
      ? source.find((event) => event.event === 'STOP', either)
      : Promise.resolve(null);
    const paused = stopped.then((event) => {
      context.stopAtUs.value = event === null ? null : timestampMicros(event.timestamp);
      context.guestPaused();
    });
    paused.catch(() => undefined);
    try {
      await targetOf(context).qmp.execute(
        'migrate-incoming',
        { uri: `unix:${targetOf(context).paths.main}`, 'exit-on-error': false },
        { signal },
      );
      const loaded = completed({ events: target, side: 'target' }, either).then(() =>
        askStatus(context, signal),
      );
      await Promise.all([paused, completed({ events: source, side: 'source' }, either), loaded]);
    } catch (error) {
      throw await withWords(error, context);
    } finally {
      first.abort(new Error('the hand-over has ended'));
    }
  },
  async undo(context) {
    await returnToSource(context, await fenceTarget(context));
  },
};
