/** Why an upgrade did not succeed, in the form that the operator reads. */

import { BatonError, messageOf } from '../errors.js';
import { DeadlineError, within } from '../instance/deadline.js';
import { outputTail } from '../instance/output-tail.js';
import { QmpCommandError, QmpDisconnected, QmpProtocolError, QmpTimeout } from '../instance/qmp-errors.js';
import { describeEnd, InstanceEnded } from '../instance/running-instance.js';
import { UPGRADE_REASONS, UpgradeError, type UpgradeReason, type UpgradeReasonCode } from '../upgrade.js';
import type { UpgradeContext } from './step.js';

/** A step's own deadline has passed. */
export class StepTimeout extends Error {
  constructor(step: string, deadlineMs: number) {
    super(`${step} was not done within ${deadlineMs} ms`);
    this.name = 'StepTimeout';
  }
}

const NOTICE_DEADLINE_MS = 200;
const STORE_CODES = ['store_full', 'store_busy', 'store_corrupt', 'store_failed'];

/** The death of a side explains whatever else was seen to go wrong. */
function codeOf(error: unknown, { source, target }: UpgradeContext): UpgradeReasonCode {
  if (error instanceof UpgradeError && error.code !== 'transfer_failed') return error.code;
  if (source?.hasEnded) return source.shutdownReason === 'guest-shutdown' ? 'machine_stopped' : 'source_died';
  if (target?.hasEnded || error instanceof InstanceEnded) return 'target_died';
  if (error instanceof UpgradeError) return error.code;
  if (error instanceof BatonError && STORE_CODES.includes(error.code)) return 'journal_failed';
  if (error instanceof StepTimeout || error instanceof DeadlineError || error instanceof QmpTimeout) {
    return target === null ? 'source_not_ready' : 'target_timeout';
  }
  if (error instanceof QmpProtocolError) return 'target_rejected';
  if (error instanceof QmpCommandError || error instanceof QmpDisconnected) return 'transfer_failed';
  return 'internal_error';
}

/**
 * A connection can end a moment before the process behind it is seen to have ended: that is the better reason.
 * Short, as a guest may stand still meanwhile.
 */
async function noticeEnds(error: unknown, { source, target }: UpgradeContext): Promise<void> {
  const mayTellOfADeath =
    error instanceof QmpDisconnected ||
    error instanceof QmpCommandError ||
    (error instanceof UpgradeError && error.code === 'transfer_failed');
  if (!mayTellOfADeath) return;
  const ends = [source, target].flatMap((instance) => (instance === null ? [] : [instance.ended]));
  const wait = { deadlineMs: NOTICE_DEADLINE_MS, what: 'the end of a side' };
  await within(Promise.race(ends), wait).catch(() => undefined);
}

export async function explain(
  error: unknown,
  step: string | null,
  context: UpgradeContext,
): Promise<UpgradeReason> {
  await noticeEnds(error, context);
  const code = codeOf(error, context);
  let message = messageOf(error);
  const { target } = context;
  if (code === 'target_died' && target?.hasEnded && !(error instanceof InstanceEnded)) {
    message += `; the target ended (${describeEnd(await target.ended)})`;
  }
  return {
    code,
    message,
    remedy: UPGRADE_REASONS[code],
    step,
    vmmOutput: target === null ? [] : outputTail(target.paths.vmmLog),
  };
}
