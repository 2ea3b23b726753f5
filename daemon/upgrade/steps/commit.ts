/**
 * The point of no return: one `cont` to the target. Three endings. The target runs: done. The target answered
 * with an error, or the command was never sent or never read: it has not run a vCPU, and the upgrade goes back. A
 * target that does not answer is stopped before it is looked whether it has read, so that it cannot read it then.
 * Anything else: it may have run, the source's state is stale, and the source must never run again.
 *
 * A machine that was paused stays paused: the target, seen to be there once more, is the machine from now on.
 * After a restart of the daemon it is run again: harmless for a target that runs. What went before is not known
 * then, so whatever goes wrong counts as `may have run`.
 */

import { timestampMicros } from '../../../vmm/qmp/protocol.js';
import { messageOf } from '../../errors.js';
import type { HostProcesses } from '../../instance/host.js';
import type { EventWatch } from '../../instance/qmp-client.js';
import { QmpCommandError, QmpDisconnected } from '../../instance/qmp-errors.js';
import type { RunningInstance } from '../../instance/running-instance.js';
import { UpgradeError } from '../../upgrade.js';
import { nothingToUndo, type Step, targetOf, type UpgradeContext } from '../step.js';

const CONFIRM_DEADLINE_MS = 2_000;
const RESUME_DEADLINE_MS = 500;
const FREEZE_DEADLINE_MS = 1_000;

async function runs(target: RunningInstance): Promise<boolean> {
  try {
    return (await target.queryStatus({ deadlineMs: CONFIRM_DEADLINE_MS })).running;
  } catch {
    return false;
  }
}

/**
 * `cont` is the only thing that was sent and not answered: while the target is stopped it cannot come to read it.
 * One that has not is left stopped, for the way back kills it.
 */
async function neverRead(target: RunningInstance, host: HostProcesses): Promise<boolean> {
  if (!target.qmp.isUnread) return false;
  const isFrozen = await host.freeze(target.process, FREEZE_DEADLINE_MS);
  if (isFrozen && target.qmp.isUnread) return true;
  await host.thaw(target.process);
  return false;
}

async function letRun(context: UpgradeContext, signal: AbortSignal): Promise<void> {
  const target = targetOf(context);
  if (target.hasEnded || !target.isAnswering) {
    throw new UpgradeError('target_died', 'the target ended before it was told to run');
  }
  try {
    await target.qmp.execute('cont', {}, { signal });
  } catch (cause) {
    if (cause instanceof QmpCommandError) {
      throw new UpgradeError('commit_refused', `the target refused to run: ${cause.message}`, { cause });
    }
    if (cause instanceof QmpDisconnected && cause.isUnread) {
      throw new UpgradeError('target_died', 'the target ended before it read that it should run', { cause });
    }
    if (!context.recovering && (await neverRead(target, context.host))) {
      const message = 'the target froze before it read that it should run';
      throw new UpgradeError('target_timeout', message, { cause });
    }
    if (await runs(target)) return;
    target.doubt();
    throw new UpgradeError(
      'commit_unconfirmed',
      `the target was told to run and did not confirm it (${messageOf(cause)}): it may have run, so the source must not`,
      { cause },
    );
  }
}

/** Nothing lets this target run, so whatever goes wrong here can be gone back from. */
async function isThere(target: RunningInstance, signal: AbortSignal): Promise<void> {
  try {
    await target.queryStatus({ signal });
  } catch (cause) {
    const hasDied = target.hasEnded || cause instanceof QmpDisconnected;
    const code = hasDied ? 'target_died' : 'target_timeout';
    throw new UpgradeError(code, `the target is not there any more: ${messageOf(cause)}`, { cause });
  }
}

/** The timestamp of the target's RESUME. It comes with the answer to `cont`; its absence is no failure. */
async function resumedAtUs(events: EventWatch | null, signal: AbortSignal): Promise<number | null> {
  if (events === null) return null;
  try {
    const { timestamp } = await events.find(({ event }) => event === 'RESUME', signal);
    return timestampMicros(timestamp);
  } catch {
    return null;
  }
}

async function finishCommit(context: UpgradeContext, signal: AbortSignal): Promise<void> {
  const { target, upgrade } = context;
  try {
    if (target === null || target.hasEnded) throw new Error('the target has ended since');
    if (upgrade.wasRunning) await letRun(context, signal);
    else await target.queryStatus({ signal });
  } catch (cause) {
    throw new UpgradeError(
      'commit_unconfirmed',
      `the daemon was restarted while it committed, and the target does not run: ${messageOf(cause)}`,
      { cause },
    );
  }
}

export const commit: Step = {
  name: 'commit',
  state: 'committing',
  deadlineMs: 5_000,
  commits: true,
  async run(context, signal) {
    if (context.recovering) return finishCommit(context, signal);
    const target = targetOf(context);
    if (!context.upgrade.wasRunning) return isThere(target, signal);
    await letRun(context, signal);
    const soon = AbortSignal.any([target.gone, AbortSignal.timeout(RESUME_DEADLINE_MS)]);
    context.resumeAtUs.value = await resumedAtUs(context.targetEvents, soon);
  },
  undo: nothingToUndo,
};
