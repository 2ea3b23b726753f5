/**
 * One `cont` to a VMM that has loaded a guest. Three endings. It runs: done. It answered with an error, or the
 * command was never sent or never read: it has not run a vCPU. One that does not answer is stopped before it is
 * looked whether it has read, so that it cannot read it then. Anything else, `commit_unconfirmed`: it may have run.
 */
import { messageOf } from '../errors.js';
import type { HostProcesses } from '../instance/host.js';
import { QmpCommandError, QmpDisconnected } from '../instance/qmp-errors.js';
import type { RunningInstance } from '../instance/running-instance.js';
import { UpgradeError } from '../upgrade.js';

const CONFIRM_DEADLINE_MS = 2_000;
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

export interface LetRun {
  readonly target: RunningInstance;
  readonly host: HostProcesses;
  /** It may have been told before, by a daemon that died. */
  readonly recovering: boolean;
}

export async function letRun({ target, host, recovering }: LetRun, signal: AbortSignal): Promise<void> {
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
    if (!recovering && (await neverRead(target, host))) {
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
