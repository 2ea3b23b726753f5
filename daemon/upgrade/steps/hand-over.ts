/**
 * The target listens, the source stops the guest and sends its state. Here the guest begins to stand still, so
 * the deadline is short. Done when the source says completed (with return-path: the target has loaded) and the
 * target says completed; its run state is asked for at once, for the next step to look at.
 */
import { timestampMicros } from '../../../vmm/qmp/protocol.js';
import type { EventWatch } from '../../instance/qmp-client.js';
import { UpgradeError } from '../../upgrade.js';
import { fenceTarget, returnToSource } from '../fence.js';
import { migrationError, migrationStatus } from '../migration.js';
import { type Step, sourceOf, targetOf, type UpgradeContext } from '../step.js';

const FAILED = new Set(['failing', 'failed', 'cancelling', 'cancelled']);

function watchesOf(context: UpgradeContext): { source: EventWatch; target: EventWatch } {
  const { sourceEvents: source, targetEvents: target } = context;
  if (source === null || target === null) throw new Error('both sides must be watched before the hand-over');
  return { source, target };
}

async function completed(events: EventWatch, side: string, signal: AbortSignal): Promise<void> {
  const event = await events.find((event) => {
    const status = migrationStatus(event);
    return status === 'completed' || (status !== null && FAILED.has(status));
  }, signal);
  const status = migrationStatus(event);
  if (status !== 'completed') {
    throw new UpgradeError('transfer_failed', `the ${side}'s migration ended as ${status}`);
  }
}

/** Asked ahead of the step that looks at it: every round trip that is waited for is a part of the pause. */
function askStatus(context: UpgradeContext, signal: AbortSignal): void {
  context.loadedStatus = targetOf(context).queryStatus({ signal });
  context.loadedStatus.catch(() => undefined);
}

/** Both sides' own words, for a failure that shows on one side first. */
async function withWords(error: unknown, context: UpgradeContext): Promise<unknown> {
  if (!(error instanceof UpgradeError)) return error;
  const [source, target] = await Promise.all([
    migrationError(sourceOf(context)),
    migrationError(targetOf(context)),
  ]);
  const words = [source && `source: ${source}`, target && `target: ${target}`].filter(Boolean);
  if (words.length === 0) return error;
  return new UpgradeError(error.code, `${error.message} (${words.join('; ')})`, { cause: error });
}

export const handOver: Step = {
  name: 'hand-over',
  state: 'configuring',
  deadlineMs: 3_000,
  commits: false,
  async run(context, signal) {
    const { source, target } = watchesOf(context);
    await context.holdInput();
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
      const loaded = completed(target, 'target', either).then(() => askStatus(context, signal));
      await Promise.all([paused, completed(source, 'source', either), loaded]);
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
