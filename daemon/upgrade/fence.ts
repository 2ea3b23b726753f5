/**
 * The rollback rule. A cancelled source and a stalled target were seen to run both on one memory: the whole
 * stream can lie in the target's socket already. So the way back is always: target killed, all its threads seen
 * to have ended, and only then a word to the source. The type makes it so: the functions that may set the source
 * running ask for the proof, and only `fenceTarget` gives it.
 */
import { until } from '../instance/deadline.js';
import { QmpDisconnected } from '../instance/qmp-errors.js';
import type { RunningInstance } from '../instance/running-instance.js';
import { UpgradeError } from '../upgrade.js';
import { isSettled, queryMigrate, setMode } from './migration.js';
import type { UpgradeContext } from './step.js';

const KILL_DEADLINE_MS = 10_000;
/** After the target's end a source notices by itself; one that does not is told to give up. */
const SETTLE_BY_ITSELF_MS = 300;
const SETTLE_DEADLINE_MS = 5_000;
const MONITOR_DEADLINE_MS = 10_000;
const RESUME_DEADLINE_MS = 5_000;
const POLL_MS = 5;
/** A connection that breaks each time is no accident. */
const ATTEMPTS = 3;

declare const proof: unique symbol;
export interface FencedTarget {
  readonly [proof]: true;
}

export async function fenceTarget({
  target,
  host,
}: Pick<UpgradeContext, 'target' | 'host'>): Promise<FencedTarget> {
  if (target !== null) {
    await host.kill(target.process, KILL_DEADLINE_MS);
    await target.endRecorded();
  }
  return {} as FencedTarget;
}

/** The source as it was before: running if it ran, in normal mode. Nothing to do is success. */
export async function returnToSource(
  { source, upgrade }: { source: RunningInstance | null; upgrade: { readonly wasRunning: boolean } },
  _fenced: FencedTarget,
): Promise<void> {
  if (source === null || source.hasEnded) {
    throw new UpgradeError('source_died', 'the VMM that ran the guest has ended');
  }
  for (let attemptsLeft = ATTEMPTS - 1; ; attemptsLeft -= 1) {
    await monitorOf(source);
    try {
      await bringBack(source, upgrade.wasRunning);
      return;
    } catch (error) {
      /* All of it can be said again, over a new connection. */
      if (!(error instanceof QmpDisconnected) || attemptsLeft === 0) throw error;
    }
  }
}

async function bringBack(source: RunningInstance, wasRunning: boolean): Promise<void> {
  await settleMigration(source);
  if (wasRunning && !(await source.queryStatus()).running) {
    await source.qmp.execute('cont');
    await until(
      async () => ((await source.queryStatus()).running ? true : null),
      { deadlineMs: RESUME_DEADLINE_MS, what: 'the source to run again', signal: source.gone },
      POLL_MS,
    );
  }
  await setMode(source, 'normal');
}

/** One that was lost, or that a restarted daemon did not find, is tried again all the time: worth a wait. */
export async function monitorOf(source: RunningInstance): Promise<void> {
  if (source.isAnswering) return;
  const wait = {
    deadlineMs: MONITOR_DEADLINE_MS,
    what: `the monitor of generation ${source.generation} to answer`,
    signal: source.gone,
  };
  await until(() => (source.isAnswering ? true : null), wait, POLL_MS);
}

async function settleMigration(source: RunningInstance): Promise<void> {
  const settled = async () => (isSettled(await queryMigrate(source)) ? true : null);
  const what = "the source's migration to end";
  try {
    await until(settled, { deadlineMs: SETTLE_BY_ITSELF_MS, what, signal: source.gone }, POLL_MS);
  } catch (error) {
    source.gone.throwIfAborted();
    if (error instanceof QmpDisconnected) throw error;
    await source.qmp.execute('migrate_cancel');
    await until(settled, { deadlineMs: SETTLE_DEADLINE_MS, what, signal: source.gone }, POLL_MS);
  }
}
