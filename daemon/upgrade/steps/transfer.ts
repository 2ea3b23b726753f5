/**
 * Tells the source to migrate: it connects to the target and hands its descriptors over; the guest runs on.
 * Always with exactly one main and one cpr channel, both on unix sockets: other forms crash real VMMs.
 */
import { fenceTarget, returnToSource } from '../fence.js';
import { unixChannel } from '../migration.js';
import { type Step, sourceOf, targetOf } from '../step.js';

export const transfer: Step = {
  name: 'transfer',
  state: 'transferring',
  deadlineMs: 10_000,
  commits: false,
  async run(context, signal) {
    const { paths } = targetOf(context);
    const channels = [unixChannel('main', paths.main), unixChannel('cpr', paths.cpr)];
    await sourceOf(context).qmp.execute('migrate', { channels }, { signal, deadlineMs: 10_000 });
  },
  async undo(context) {
    await returnToSource(context, await fenceTarget(context));
  },
};
