/**
 * A TCP stream through a tap of the host's to Linux in the guest, while one baton-vmm after the other takes it over. In
 * a network namespace of the test's own.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { networkGuestMissing } from '../guests/linux/network-guest.js';
import { SERVER_PORTS } from '../guests/linux-server.js';
import { skipSuite } from '../helpers/skip.js';
import { channelsTo, prepareSource } from '../vmm/vmm-process.js';
import { NetworkVmm } from './network-vmm.js';
import { isInOwnNetwork, makeTap, ownNetworkMissing, timesTapIsOpen } from './own-network.js';
import { TcpStream } from './tcp-stream.js';

const SUITE = 'a tap through hand-overs of baton-vmm';
const TAP = 'tap0';
const HOST = '192.0.2.1';
const GUEST = '192.0.2.2';
const ROUNDS = 20;
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

test(`it flows on through ${ROUNDS} of them, by cpr-transfer and cpr-exec in turn`, async ({
  guest,
  stream,
}) => {
  const gapsMs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    stream.takeLongestGapMs();
    if (round % 2 === 0) await guest.transfer();
    else await guest.exec();
    await stream.flowsOn(FLOW_DEADLINE_MS);
    gapsMs.push(stream.takeLongestGapMs());
    assert.is(timesTapIsOpen(TAP, guest.vmm.pid), 1);
  }
  const ofMode = (rest: number) => gapsMs.filter((_, round) => round % 2 === rest).map(Math.round);
  console.log(`gaps in ms: cpr-transfer ${ofMode(0).join(' ')}, cpr-exec ${ofMode(1).join(' ')}`);
});

test('it flows on in the source when a target is killed, does not fit, or is called off', async ({
  guest,
  stream,
}) => {
  await prepareSource(guest.monitor);
  const attempt = async (
    extra: readonly string[],
    act: (kill: () => Promise<void>) => Promise<void>,
    stopped = false,
  ) => {
    const target = await guest.target(extra, stopped);
    guest.monitor.forgetEvents();
    await guest.monitor.execute('migrate', channelsTo(target));
    await act(() => target.kill());
    if (target.ended === null) await target.kill();
    await stream.flowsOn(FLOW_DEADLINE_MS);
    assert.is(timesTapIsOpen(TAP, guest.vmm.pid), 1);
  };
  await attempt(['-incoming', 'defer'], async (kill) => {
    await kill();
    await guest.monitor.event('MIGRATION', 'failed');
  });
  await attempt(['-incoming', 'defer'], async () => {
    await guest.monitor.execute('migrate_cancel');
    await guest.monitor.event('MIGRATION', 'cancelled');
  });
  await attempt(['-device', 'virtio-rng-device'], async () => {
    await guest.monitor.event('MIGRATION', 'failed');
  });
  // It has loaded and holds the guest stopped: killed then, and taken back by the operator.
  const beforeCommit = async (kill: () => Promise<void>) => {
    await guest.monitor.event('MIGRATION', 'completed');
    await kill();
    await guest.monitor.execute('cont');
  };
  await attempt([], beforeCommit, true);
  await guest.transfer();
  await stream.flowsOn(FLOW_DEADLINE_MS);
});

test('it flows on through stop and cont, and a system reset does not end the process', async ({
  guest,
  stream,
}) => {
  for (let round = 0; round < 3; round++) {
    await guest.monitor.execute('stop');
    await guest.monitor.execute('cont');
    await stream.flowsOn(FLOW_DEADLINE_MS);
  }
  stream.close();
  await guest.monitor.execute('system_reset');
  const again = await TcpStream.open(GUEST, SERVER_PORTS.echo, { deadlineMs: 120_000 });
  await again.flowsOn(FLOW_DEADLINE_MS);
  again.close();
});

const missing = (await ownNetworkMissing()) ?? networkGuestMissing();
if (missing !== null) skipSuite(SUITE, missing);
else if (await isInOwnNetwork(import.meta.url)) test.run();
