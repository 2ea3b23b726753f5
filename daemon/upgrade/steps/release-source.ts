/**
 * The source is put away: it holds all of the guest's memory mapped and is of no more use. It is asked to quit,
 * so that it releases what it has in order, and killed when it does not.
 */
import type { HostProcesses } from '../../instance/host.js';
import type { RunningInstance } from '../../instance/running-instance.js';
import { UpgradeError } from '../../upgrade.js';
import { nothingToUndo, type Step } from '../step.js';

const QUIT_DEADLINE_MS = 2_000;
const KILL_DEADLINE_MS = 10_000;

/** Whether it answers does not matter: whether it ends does. */
async function quits(source: RunningInstance, host: HostProcesses): Promise<boolean> {
  if (!source.isAnswering) return false;
  await source.qmp.execute('quit', {}, { deadlineMs: QUIT_DEADLINE_MS }).catch(() => undefined);
  return host.waitForEnd(source.process, QUIT_DEADLINE_MS);
}

export const releaseSource: Step = {
  name: 'release-source',
  state: 'finishing',
  deadlineMs: 15_000,
  commits: false,
  async run({ source, host }) {
    if (source === null || source.hasEnded) return;
    if (!(await quits(source, host))) {
      try {
        await host.kill(source.process, KILL_DEADLINE_MS);
      } catch (cause) {
        throw new UpgradeError(
          'source_not_released',
          `the machine runs on the target, but the old process ${source.process.pid} does not end`,
          { cause },
        );
      }
    }
    await source.endRecorded();
  },
  undo: nothingToUndo,
};
