/** Debian's kernel on microvm, whose machine type has no version, while one QEMU after the other takes it over. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { skipSuite } from '../helpers/skip.js';
import { DebianMachine, debianMachineMissing } from './debian-machine.js';
import { QemuStage } from './qemu-stage.js';

const SUITE = 'microvm through upgrades';

const test = suite<{ stage: QemuStage }>(SUITE);

test.before.each(async (context) => {
  context.stage = await QemuStage.open();
});
test.after.each(({ stage }) => stage.close());

test('it ticks on from QEMU 10.0 over two 11.1, its memory intact', async ({ stage }) => {
  const build = await stage.register('10.0', 'first');
  const hardware = { machineType: 'microvm' };
  const machine = await DebianMachine.start(stage, { build, hardware });

  for (const [index, mode] of ['cpr-transfer', 'cpr-exec'].entries()) {
    const next = await stage.register('11.1', `next-${index}`);
    const upgrade = await machine.upgrade({ build: next, mode });
    assert.equal([upgrade.state, upgrade.mode], ['succeeded', mode], JSON.stringify(upgrade.reason));
    await machine.worksOn();
  }
});

const missing = await debianMachineMissing();
if (missing === null) test.run();
else skipSuite(SUITE, missing);
