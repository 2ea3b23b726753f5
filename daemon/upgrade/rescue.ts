/**
 * Brings a guest back whose VMM has replaced itself by a program that does not do: the old build is started once
 * more, gets the memory from the keeper and the device state from the file that the source wrote last, is looked
 * at, and runs. What the source's process has become is killed and reaped before: it may have the memory too. The
 * attempts before the last may fail; nothing runs in between, so the state stays as good as it was.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../errors.js';
import { until } from '../instance/deadline.js';
import { listeningAt } from '../instance/listening.js';
import { outputTail, withLastWords } from '../instance/output-tail.js';
import type { RunningInstance } from '../instance/running-instance.js';
import { UpgradeError } from '../upgrade.js';
import { fenceTarget, returnToSource } from './fence.js';
import { restoreCpr, restoreDevices } from './memory-keeper.js';
import { migrationError, queryMigrate } from './migration.js';
import type { UpgradeContext } from './step.js';

const ATTEMPTS = 3;
const RETRY_AFTER_MS = 500;
const KILL_DEADLINE_MS = 10_000;
const START_DEADLINE_MS = 20_000;
const LOAD_DEADLINE_MS = 20_000;
const POLL_MS = 3;

/** Where the source leaves its device state. */
export function stateFileOf({ folder }: UpgradeContext): string {
  return `${folder}/state`;
}

export async function rescueGuest(context: UpgradeContext): Promise<void> {
  const { source, host } = context;
  const fenced = await fenceTarget(context);
  if (source !== null) {
    await host.kill(source.process, KILL_DEADLINE_MS);
    await source.endRecorded();
  }
  context.discardTarget();
  for (let attemptsLeft = ATTEMPTS - 1; ; attemptsLeft -= 1) {
    try {
      await start(context);
      break;
    } catch (cause) {
      if (attemptsLeft > 0) {
        await delay(RETRY_AFTER_MS);
        continue;
      }
      const message = `the build ${context.sourceBuild.id} could not take the guest back: ${messageOf(cause)}`;
      throw new UpgradeError('source_died', message, { cause });
    }
  }
  await returnToSource(context, fenced);
}

/** Leaves either the source that is to run, or nothing. */
async function start(context: UpgradeContext): Promise<void> {
  const rescue = await context.launchRescue();
  try {
    await load(rescue, context);
    context.becomeSource(rescue);
  } catch (error) {
    await context.host.kill(rescue.process, KILL_DEADLINE_MS);
    await rescue.endRecorded();
    const words = withLastWords(messageOf(error), outputTail(rescue.paths.vmmLog));
    throw new Error(words, { cause: error });
  }
}

async function load(rescue: RunningInstance, context: UpgradeContext): Promise<void> {
  const { gone: signal, paths } = rescue;
  const isListening = listeningAt(paths.cpr);
  const waitToListen = { deadlineMs: START_DEADLINE_MS, what: `it to listen at ${paths.cpr}`, signal };
  await until(() => (isListening() ? true : null), waitToListen, POLL_MS);
  await restoreCpr(context.folder, paths.cpr);
  await rescue.connect({ deadlineMs: START_DEADLINE_MS });
  await rescue.qmp.execute('migrate-incoming', { uri: `unix:${paths.main}`, 'exit-on-error': false });
  await restoreDevices(paths.main, stateFileOf(context));
  const ended = async () => {
    const { status } = await queryMigrate(rescue, { signal });
    return status === 'completed' || status === 'failed' ? status : null;
  };
  const waitToLoad = { deadlineMs: LOAD_DEADLINE_MS, what: 'it to load the state', signal };
  if ((await until(ended, waitToLoad, POLL_MS)) === 'failed') {
    throw new Error(`it did not load the state: ${(await migrationError(rescue)) ?? 'it does not say why'}`);
  }
  const { running, status } = await rescue.queryStatus();
  if (running) throw new Error(`expected it to have loaded and be stopped, but it is ${status}`);
}
