/**
 * A TCP stream through a tap of the host's, to Debian in the guest, while one QEMU after the other takes it over. In a
 * network namespace of the test's own.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { atTakeOver } from '../daemon/qemu-fixture.js';
import { ECHO_PORT } from '../guests/linux/debian-guest.js';
import { skipSuite } from '../helpers/skip.js';
import { DebianMachine, debianMachineMissing } from './debian-machine.js';
import { isInOwnNetwork, makeTap, ownNetworkMissing } from './own-network.js';
import { QemuStage } from './qemu-stage.js';
import { TcpStream } from './tcp-stream.js';

const SUITE = 'a tap through upgrades';
const TAP = 'tap0';
const HOST = '192.0.2.1/24';
const GUEST = '192.0.2.2';

const test = suite<{ stage: QemuStage }>(SUITE);

test.before(() => makeTap(TAP, HOST));
test.before.each(async (context) => {
  context.stage = await QemuStage.open();
});
test.after.each(({ stage }) => stage.close());

/** The processes that have it open; in this namespace there is one interface of that name. */
function holders(): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => has(pid));
}

function has(pid: number): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some(
      (fd) =>
        readlinkSync(`/proc/${pid}/fd/${fd}`) === '/dev/net/tun' &&
        readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8').includes(`iff:\t${TAP}\n`),
    );
  } catch {
    return false;
  }
}

async function currentPid({ client }: QemuStage, { path }: DebianMachine): Promise<number> {
  const { instances } = await client.get<{ instances: { state: string; pid: number }[] }>(
    `${path}/instances`,
  );
  return instances.findLast(({ state }) => state === 'alive')?.pid ?? 0;
}

function startGuest(stage: QemuStage, build: string): Promise<DebianMachine> {
  const hardware = { nics: [{ kind: 'tap', interface: TAP }] };
  return DebianMachine.start(stage, { build, address: `${GUEST}/24`, ticks: false, hardware });
}

test('it flows on from QEMU 10.0 over two 11.1 and a cpr-exec, and one process at a time has it', async ({
  stage,
}) => {
  const machine = await startGuest(stage, await stage.register('10.0', 'first'));
  const stream = await TcpStream.open(GUEST, ECHO_PORT);
  try {
    await stream.flowsOn();
    for (const [index, mode] of ['cpr-transfer', 'cpr-transfer', 'cpr-exec'].entries()) {
      const build = await stage.register('11.1', `next-${index}`);
      const upgrade = await machine.upgrade({ build, mode });
      assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
      await stream.flowsOn();
      assert.equal(holders(), [await currentPid(stage, machine)]);
    }
  } finally {
    stream.close();
  }
  await machine.discard();
  assert.equal(holders(), []);
});

test('it flows on in the source when a target with the tap in its hands cannot load', async ({ stage }) => {
  const machine = await startGuest(stage, await stage.register('11.1', 'source'));
  const another = 'set -- "$@" -global virtio-net-pci.mrg_rxbuf=off';
  const unfit = await stage.registerScript('11.1', 'unfit', atTakeOver(another));
  const stream = await TcpStream.open(GUEST, ECHO_PORT);
  try {
    await stream.flowsOn();
    const refused = await machine.upgrade({ build: unfit, mode: 'cpr-transfer' });
    assert.is(refused.state, 'rolled-back');
    assert.match(JSON.stringify(refused.reason), /virtio-net/);
    await stream.flowsOn();
    assert.equal(holders(), [await currentPid(stage, machine)]);
  } finally {
    stream.close();
  }
});

const missing = (await ownNetworkMissing()) ?? (await debianMachineMissing());
if (missing !== null) skipSuite(SUITE, missing);
else if (await isInOwnNetwork(import.meta.url)) test.run();
