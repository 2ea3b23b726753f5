/**
 * The target's process, stopped (`-S`) and waiting to be told where its state is. Started before the guest stops,
 * so that the pause does not hold its start.
 */
import { fenceTarget } from '../fence.js';
import type { Step } from '../step.js';

const DEADLINE_MS = 20_000;

export const startWaitingTarget: Step = {
  name: 'start-target',
  state: 'preparing',
  deadlineMs: DEADLINE_MS,
  commits: false,
  async run(context, signal) {
    const target = await context.launchTarget('state');
    await target.connect({ deadlineMs: DEADLINE_MS, signal: AbortSignal.any([signal, target.gone]) });
  },
  async undo(context) {
    await fenceTarget(context);
    context.discardTarget();
  },
};
