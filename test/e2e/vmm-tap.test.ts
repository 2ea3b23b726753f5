/** A TCP stream through a tap of the host's to Linux in the guest, while one baton-vmm after the other takes it over. */
import * as assert from 'uvu/assert';
import { SERVER_PORTS } from '../guests/linux-server.js';
import { channelsTo, prepareSource } from '../vmm/vmm-process.js';
import { handOverByTurns } from './hand-overs.js';
import { timesTapIsOpen } from './own-network.js';
import { FLOW_DEADLINE_MS, flowsOn, GUEST, runTap, TAP, tapSuite } from './tap-stage.js';
import { TcpStream } from './tcp-stream.js';

const SUITE = 'a tap through hand-overs of baton-vmm';
const ROUNDS = 20;

const test = tapSuite(SUITE);

test(`it flows on through ${ROUNDS} of them, by cpr-transfer and cpr-exec in turn`, (context) =>
  handOverByTurns({ ...context, flowsOn: () => flowsOn(context) }, ROUNDS));

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

await runTap(test, SUITE, import.meta.url);
