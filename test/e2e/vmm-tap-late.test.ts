/**
 * A TCP stream through a tap of the host's to Linux in the guest, while one baton-vmm after the other takes it over and
 * the tap's descriptor goes in the main channel (parameter `local`).
 */
import * as assert from 'uvu/assert';
import { waitFor } from '../helpers/wait.js';
import type { VmmProcess } from '../vmm/vmm-process.js';
import { handOverEarlyAndLate } from './hand-overs.js';
import { timesTapIsOpen } from './own-network.js';
import { FLOW_DEADLINE_MS, flowsOn, runTap, TAP, tapSuite } from './tap-stage.js';

const SUITE = 'a tap through the main channel';
const ROUNDS = 12;

const test = tapSuite(SUITE);

test(`it flows on through ${ROUNDS} in which the tap goes early and late in turn`, (context) =>
  handOverEarlyAndLate({ ...context, flowsOn: () => flowsOn(context) }, ROUNDS));

test('it flows on in the source when what went late does not arrive, does not fit, or is called off', async ({
  guest,
  stream,
}) => {
  const stays = async (target: VmmProcess) => {
    assert.is(timesTapIsOpen(TAP, target.pid), 0, 'the target gives up what came late');
    if (target.ended === null) await target.kill();
    await stream.flowsOn(FLOW_DEADLINE_MS);
    assert.is(timesTapIsOpen(TAP, guest.vmm.pid), 1);
  };
  for (const mode of ['normal', 'cpr-transfer'] as const) {
    const misfit = await guest.migrateLocal(mode, { extra: ['-device', 'virtio-rng-device'] });
    await guest.monitor.event('MIGRATION', 'failed');
    await waitFor(() => timesTapIsOpen(TAP, misfit.pid) === 0, { what: 'the target to close what came' });
    await stays(misfit);
    // It has loaded and holds the guest stopped: killed then, and taken back by the operator.
    const holder = await guest.migrateLocal(mode, { stopped: true });
    await guest.monitor.event('MIGRATION', 'completed');
    assert.is(timesTapIsOpen(TAP, holder.pid), 1);
    await holder.kill();
    await guest.monitor.execute('cont');
    await stream.flowsOn(FLOW_DEADLINE_MS);
  }
  const waiting = await guest.migrateLocal('cpr-transfer', {
    onReady: async () => {
      await guest.monitor.execute('migrate_cancel');
      await guest.monitor.event('MIGRATION', 'cancelled');
    },
  });
  await stays(waiting);
  const suspended = await guest.migrateLocal('normal', {
    onReady: async (target) => void target.child.kill('SIGSTOP'),
  });
  await guest.monitor.event('STOP');
  await guest.monitor.execute('migrate_cancel');
  await guest.monitor.event('MIGRATION', 'cancelled');
  suspended.child.kill('SIGCONT');
  await stream.flowsOn(FLOW_DEADLINE_MS);
  await waitFor(() => suspended.stderr.includes('load of migration failed'), {
    what: 'the target to give up',
  });
  await stays(suspended);
});

await runTap(test, SUITE, import.meta.url);
