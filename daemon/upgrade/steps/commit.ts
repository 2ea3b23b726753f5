/**
 * The point of no return: one `cont` to the target (`let-run.ts`). When it has certainly not run a vCPU the upgrade
 * goes back; when it may have, the source's state is stale, and the source must never run again.
 *
 * A machine that was paused stays paused: the target, seen to be there once more, is the machine from now on.
 * After a restart of the daemon it is run again: harmless for a target that runs. What went before is not known
 * then, so whatever goes wrong counts as `may have run`.
 */

import { timestampMicros } from '../../../vmm/qmp/protocol.js';
import { messageOf } from '../../errors.js';
import type { EventWatch } from '../../instance/qmp-client.js';
import { QmpDisconnected } from '../../instance/qmp-errors.js';
import type { RunningInstance } from '../../instance/running-instance.js';
import { UpgradeError } from '../../upgrade.js';
import { type LetRun, letRun } from '../let-run.js';
import { nothingToUndo, type Step, targetOf, type UpgradeContext } from '../step.js';

const RESUME_DEADLINE_MS = 500;

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

function runOf(context: UpgradeContext): LetRun {
  return { target: targetOf(context), host: context.host, recovering: context.recovering };
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
    if (upgrade.wasRunning) await letRun(runOf(context), signal);
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
    await letRun(runOf(context), signal);
    const soon = AbortSignal.any([target.gone, AbortSignal.timeout(RESUME_DEADLINE_MS)]);
    context.resumeAtUs.value = await resumedAtUs(context.targetEvents, soon);
  },
  undo: nothingToUndo,
};
