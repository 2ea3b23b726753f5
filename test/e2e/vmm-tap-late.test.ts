/**
 * A TCP stream through a tap of the host's to Linux in the guest, while one baton-vmm after the other takes it over and
 * the tap's descriptor goes in the main channel (parameter `local`). In a network namespace of the test's own.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { networkGuestMissing } from '../guests/linux/network-guest.js';
import { SERVER_PORTS } from '../guests/linux-server.js';
import { skipSuite } from '../helpers/skip.js';
import { waitFor } from '../helpers/wait.js';
import type { VmmProcess } from '../vmm/vmm-process.js';
import { type LocalMode, NetworkVmm } from './network-vmm.js';
import { isInOwnNetwork, makeTap, ownNetworkMissing, timesTapIsOpen } from './own-network.js';
import { TcpStream } from './tcp-stream.js';

const SUITE = 'a tap through the main channel';
const TAP = 'tap0';
const HOST = '192.0.2.1';
const GUEST = '192.0.2.2';
const ROUNDS = 12;
/** Null: early, on the CPR channel. */
const WAYS: readonly (LocalMode | null)[] = ['normal', null, 'cpr-transfer'];
const FLOW_DEADLINE_MS = 60_000;

interface Context {
  guest: NetworkVmm;
  stream: TcpStream;
}

const test = suite<Context>(SUITE);

test.before(() => makeTap(TAP, `${HOST}/24`));
test.before.each(async (context) => {
  const netdev = `tap,id=net0,ifname=${TAP},script=no,downscript=no`;
  context.guest = await NetworkVmm.boot({ address: GUEST, router: HOST, netdev });
  context.stream = await TcpStream.open(GUEST, SERVER_PORTS.echo);
  await context.stream.flowsOn(FLOW_DEADLINE_MS);
});
test.after.each(async ({ guest, stream }) => {
  stream?.close();
  await guest?.close();
});

test(`it flows on through ${ROUNDS} in which the tap goes early and late in turn`, async ({
  guest,
  stream,
}) => {
  for (let round = 0; round < ROUNDS; round++) {
    const way = WAYS[round % WAYS.length] ?? null;
    if (way === null) await guest.transfer();
    else await guest.transferLocal(way);
    await stream.flowsOn(FLOW_DEADLINE_MS);
    assert.is(timesTapIsOpen(TAP, guest.vmm.pid), 1);
  }
});

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

const missing = (await ownNetworkMissing()) ?? networkGuestMissing();
if (missing !== null) skipSuite(SUITE, missing);
else if (await isInOwnNetwork(import.meta.url)) test.run();
