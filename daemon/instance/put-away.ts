/** Ends a VMM that nobody needs any more. */
import type { HostProcesses } from './host.js';
import type { RunningInstance } from './running-instance.js';

const QUIT_DEADLINE_MS = 2_000;
const KILL_DEADLINE_MS = 10_000;

/**
 * Asks it to quit, so that it releases what it has in order, and kills it when it does not. Whether it answers does
 * not matter: whether it ends does. Rejects when it cannot be ended.
 */
export async function putAway(instance: RunningInstance, host: HostProcesses): Promise<void> {
  if (instance.hasEnded) return;
  if (instance.isAnswering) {
    await instance.qmp.execute('quit', {}, { deadlineMs: QUIT_DEADLINE_MS }).catch(() => undefined);
    await host.waitForEnd(instance.process, QUIT_DEADLINE_MS);
  }
  await host.kill(instance.process, KILL_DEADLINE_MS);
  await instance.endRecorded();
}
