/**
 * A TCP stream runs through Debian's unmodified kernel, over a tap in a network namespace of the test's, while one
 * QEMU after the other takes the guest over: one connection, made once.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ECHO_PORT } from '../guests/linux/debian-guest.js';
import { skipSuite } from '../helpers/skip.js';
import { DebianMachine, debianMachineMissing } from './debian-machine.js';
import { isInOwnNetwork, makeTap, ownNetworkMissing } from './own-network.js';
import { QemuStage } from './qemu-stage.js';
import { TcpStream } from './tcp-stream.js';

const SUITE = 'TCP through Debian on real QEMU';
const TAP = 'baton0';
const HOST_ADDRESS = '10.99.0.1/24';
const GUEST_ADDRESS = '10.99.0.2';
const WRITE_PERIOD_US = 5_000;

/** Each to a build of its own. */
const WAY = [
  { version: '11.1', mode: 'cpr-transfer' },
  { version: '11.1', mode: 'cpr-transfer' },
  { version: '11.1', mode: 'cpr-exec' },
  { version: '11.1', mode: 'cpr-reboot' },
] as const;

const test = suite<{ stage: QemuStage }>(SUITE);

test.before(() => makeTap(TAP, HOST_ADDRESS));
test.before.each(async (context) => {
  context.stage = await QemuStage.open();
});
test.after.each(({ stage }) => stage.close());

test('no byte is lost or changed from QEMU 10.0 over four 11.1, and the disk goes on', async ({ stage }) => {
  const machine = await DebianMachine.start(stage, {
    build: await stage.register('10.0', 'first'),
    address: `${GUEST_ADDRESS}/24`,
    diskPeriodUs: WRITE_PERIOD_US,
    hardware: { nics: [{ kind: 'tap', interface: TAP }] },
  });
  const stream = await TcpStream.open(GUEST_ADDRESS, ECHO_PORT);
  try {
    await stream.flowsOn();
    for (const [index, { version, mode }] of WAY.entries()) {
      const build = await stage.register(version, `next-${index}`);
      stream.takeLongestGapMs();
      const upgrade = await machine.upgrade({ build, mode });
      assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
      await stream.flowsOn();
      const gapMs = stream.takeLongestGapMs();
      assert.ok(gapMs < 10_000, `a gap of ${gapMs} ms`);
      await machine.worksOn();
    }
  } finally {
    stream.close();
  }
});

const missing = (await debianMachineMissing()) ?? (await ownNetworkMissing());
if (missing !== null) skipSuite(SUITE, missing);
else if (await isInOwnNetwork(import.meta.url)) test.run();
