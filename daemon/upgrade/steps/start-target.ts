/**
 * The target's process, stopped (`-S`) and waiting for descriptors. It has no monitor yet; that it is ready shows
 * by its listening. Nobody may connect to that socket to try: the target would take it for the source.
 */
import { until } from '../../instance/deadline.js';
import { listeningAt } from '../../instance/listening.js';
import { fenceTarget } from '../fence.js';
import type { Step } from '../step.js';

const DEADLINE_MS = 20_000;
const POLL_MS = 3;

export const startTarget: Step = {
  name: 'start-target',
  state: 'preparing',
  deadlineMs: DEADLINE_MS,
  commits: false,
  async run(context, signal) {
    const target = await context.launchTarget('cpr');
    const isListening = listeningAt(target.paths.cpr);
    await until(
      () => (isListening() ? true : null),
      {
        deadlineMs: DEADLINE_MS,
        what: `the target to listen at ${target.paths.cpr}`,
        signal: AbortSignal.any([signal, target.gone]),
      },
      POLL_MS,
    );
  },
  async undo(context) {
    await fenceTarget(context);
    context.discardTarget();
  },
};
