/**
 * The source writes its state into a file and replaces its program by the target's: from its word `completed` on the
 * process is the target, however it goes on. That it has happened shows by the monitor hanging up and by the
 * command line that the process has then. A program that cannot be run is told by the source, which goes on.
 *
 * Undo first finds out which of the two it was. A source that is still there is set running again. One that is not
 * has its guest brought back by the build that it was (`rescue.ts`).
 */
import { timestampMicros } from '../../../vmm/qmp/protocol.js';
import { until } from '../../instance/deadline.js';
import type { HostProcesses } from '../../instance/host.js';
import { EventWatch } from '../../instance/qmp-client.js';
import type { RunningInstance } from '../../instance/running-instance.js';
import { UpgradeError } from '../../upgrade.js';
import { fenceTarget, returnToSource } from '../fence.js';
import { completed, failed, withWords } from '../loading.js';
import { isSettled, queryMigrate, setExecCommand, setMode } from '../migration.js';
import { rescueGuest, stateFileOf } from '../rescue.js';
import { type Step, sourceOf, type UpgradeContext } from '../step.js';

/** The kernel unmaps all that the guest ever touched while it execs: terabytes take a while. */
const DEADLINE_MS = 60_000;
const ANSWER_DEADLINE_MS = 1_000;
const DECISION_DEADLINE_MS = 60_000;
/** A source that does not save is told to give up. */
const SAVES_BY_ITSELF_MS = 2_000;
const POLL_MS = 1;

/** Whether the process runs what it was started with. Neither while it execs, nor when it has ended. */
function programOf(source: RunningInstance, host: HostProcesses): 'own' | 'another' | null {
  const line = host.argumentsOf(source.process);
  if (line.length === 0) return host.isAlive(source.process) ? null : 'another';
  return line.some((argument) => argument.includes(source.paths.qmp)) ? 'own' : 'another';
}

/** Resolves when the source is no more; rejects when it says that it could not become another. */
async function replaced(context: UpgradeContext, events: EventWatch, signal: AbortSignal): Promise<void> {
  const { host } = context;
  const source = sourceOf(context);
  try {
    await failed(events, signal);
  } catch (cause) {
    if (source.isAnswering) throw cause;
    const wait = { deadlineMs: DEADLINE_MS, what: 'the process to run a program' };
    if ((await until(() => programOf(source, host), wait, POLL_MS)) === 'own') throw cause;
    return;
  }
  throw new UpgradeError('exec_failed', 'the source could not run the new program');
}

/** Asked and watched until it is certain: a source that was told to exec may do so at any moment. */
async function isItself({ source, host }: UpgradeContext): Promise<boolean> {
  if (source === null || source.hasEnded) return false;
  let isCancelled = false;
  const cancelAtMs = performance.now() + SAVES_BY_ITSELF_MS;
  const decided = async (): Promise<'own' | 'another' | null> => {
    if (programOf(source, host) === 'another') return 'another';
    if (!source.isAnswering) return null;
    try {
      const info = await queryMigrate(source, { deadlineMs: ANSWER_DEADLINE_MS });
      if (isSettled(info) && info.status !== 'completed') return 'own';
      if (!isCancelled && performance.now() > cancelAtMs) {
        isCancelled = true;
        await source.qmp.execute('migrate_cancel', {}, { deadlineMs: ANSWER_DEADLINE_MS });
      }
    } catch {
      /* It hangs up when it execs: the next look tells. */
    }
    return null;
  };
  const wait = { deadlineMs: DECISION_DEADLINE_MS, what: 'the source to exec, or to give it up' };
  return (await until(decided, wait, POLL_MS)) === 'own';
}

export const exec: Step = {
  name: 'exec',
  state: 'transferring',
  deadlineMs: DEADLINE_MS,
  commits: false,
  async run(context, signal) {
    const source = sourceOf(context);
    const { file, args } = context.announceTarget();
    await setExecCommand(source, [file, ...args], { signal });
    await setMode(source, 'cpr-exec', { signal });
    context.holdInput();
    /* A fresh one: what the source said while its memory was taken hold of is of no interest here. */
    context.sourceEvents?.close();
    const events = new EventWatch(source.qmp);
    context.sourceEvents = events;
    try {
      await source.qmp.execute('migrate', { uri: `file:${stateFileOf(context)}` }, { signal });
      if (context.upgrade.wasRunning) {
        const { timestamp } = await events.find(({ event }) => event === 'STOP', signal);
        context.stopAtUs.value = timestampMicros(timestamp);
      }
      context.guestPaused();
      await completed({ events, side: 'source' }, signal);
      await replaced(context, events, signal);
    } catch (error) {
      throw await withWords(error, context);
    }
    context.becomeTarget();
  },
  async undo(context) {
    if (context.upgrade.restoredGeneration !== null) {
      await returnToSource(context, await fenceTarget(context));
    } else if (await isItself(context)) {
      context.discardTarget();
      await returnToSource(context, await fenceTarget(context));
      await setExecCommand(sourceOf(context), []);
    } else {
      await rescueGuest(context);
    }
  },
};
