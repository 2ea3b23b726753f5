/** Debian's unmodified kernel works on a real filesystem while one QEMU after the other takes it over. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
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
] as const;

test('it ticks and writes on from QEMU 10.0 over four 11.1, and its disk is intact', async ({ stage }) => {
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

  const elapsedSeconds = (performance.now() - startedAt) / 1000;
  const said = await machine.powerOff();
  const upSeconds = Number(/^guest: up ([\d.]+)\r?$/m.exec(said)?.[1]);
  assert.ok(upSeconds > elapsedSeconds * 0.9, `up ${upSeconds} s, upgraded for ${elapsedSeconds} s`);
  assert.match(said, /^guest: unmounted\r?$/m);
  const written = Number(/^disk: ended writes=(\d+) .* ok\r?$/m.exec(said)?.[1]);
  await checkFilesystem(machine.disk);
  assert.is(await newestBlock(machine.disk, machine.directory), written - 1);
});

const missing = await debianMachineMissing();
if (missing === null) test.run();
else skipSuite(SUITE, missing);
