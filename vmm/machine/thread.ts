/** The machine's own thread, where it has one. */
import { parentPort, workerData } from 'node:worker_threads';
import { loadCore } from '../cpu/core.js';
import type { WorkerSettings, WorkerStart } from './protocol.js';
import { serveMachine } from './worker.js';

if (parentPort !== null) {
  const port = parentPort;
  const { isAwaited } = workerData as WorkerStart;
  const core = loadCore(isAwaited ? 'soon' : 'fast');
  port.once('message', (settings: WorkerSettings) => serveMachine(port, settings, core));
}
