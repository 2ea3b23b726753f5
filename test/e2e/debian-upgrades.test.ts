/** Debian's unmodified kernel works on a real filesystem while one QEMU after the other takes it over. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { atTakeOver } from '../daemon/qemu-fixture.js';
import { checkFilesystem, newestBlock } from '../guests/linux/disk-image.js';
import { skipSuite } from '../helpers/skip.js';
import { DebianMachine, debianMachineMissing } from './debian-machine.js';
import { QemuStage } from './qemu-stage.js';

const SUITE = 'Debian on real QEMU';
const WRITE_PERIOD_US = 2_000;

const test = suite<{ stage: QemuStage }>(SUITE);

test.before.each(async (context) => {
  context.stage = await QemuStage.open();
});
test.after.each(({ stage }) => stage.close());

/** Each to a build of its own. */
const WAY = [
  { version: '11.1', mode: 'cpr-transfer' },
  { version: '11.1', mode: 'cpr-transfer' },
  { version: '11.1', mode: 'cpr-transfer' },
  { version: '11.1', mode: 'cpr-exec' },
  { version: '11.1', mode: 'cpr-reboot' },
] as const;

test('it ticks and writes on from QEMU 10.0 over five 11.1, and its disk is intact', async ({ stage }) => {
  const first = await stage.register('10.0', 'first');
  const machine = await DebianMachine.start(stage, { build: first, diskPeriodUs: WRITE_PERIOD_US });
  const startedAt = performance.now();

  for (const [index, { version, mode }] of WAY.entries()) {
    const build = await stage.register(version, `next-${index}`);
    const upgrade = await machine.upgrade({ build, mode });
    assert.equal([upgrade.state, upgrade.mode], ['succeeded', mode], JSON.stringify(upgrade.reason));
    assert.ok(upgrade.pauseMs !== null && upgrade.pauseMs < 5_000, `a pause of ${upgrade.pauseMs} ms`);
    await machine.worksOn();
  }

  await endsIntact(machine, startedAt);
});

test('targets that die cost it nothing, though one was the same process', async ({ stage }) => {
  const source = await stage.register('11.1', 'source');
  const dying = await stage.registerScript('11.1', 'dying', atTakeOver('exit 7'));
  const machine = await DebianMachine.start(stage, { build: source, diskPeriodUs: WRITE_PERIOD_US });
  const startedAt = performance.now();

  for (const mode of ['cpr-transfer', 'cpr-exec']) {
    const refused = await machine.upgrade({ build: dying, mode });
    assert.equal([refused.state, refused.mode], ['rolled-back', mode], JSON.stringify(refused.reason));
    await machine.worksOn();
  }
  const upgrade = await machine.upgrade({
    build: await stage.register('11.1', 'good'),
    mode: 'cpr-transfer',
  });
  assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
  await machine.worksOn();

  await endsIntact(machine, startedAt);
});

/** The guest never booted again, powers off by itself, and its disk has what it wrote. */
async function endsIntact(machine: DebianMachine, startedAt: number): Promise<void> {
  const elapsedSeconds = (performance.now() - startedAt) / 1000;
  const said = await machine.powerOff();
  const upSeconds = Number(/^guest: up ([\d.]+)\r?$/m.exec(said)?.[1]);
  assert.ok(upSeconds > elapsedSeconds * 0.5, `up ${upSeconds} s, upgraded for ${elapsedSeconds} s`);
  assert.match(said, /^guest: unmounted\r?$/m);
  const written = Number(/^disk: ended writes=(\d+) .* ok\r?$/m.exec(said)?.[1]);
  await checkFilesystem(machine.disk);
  assert.is(await newestBlock(machine.disk, machine.directory), written - 1);
}

const missing = await debianMachineMissing();
if (missing === null) test.run();
else skipSuite(SUITE, missing);
