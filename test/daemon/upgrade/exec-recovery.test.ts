/**
 * The daemon is killed at each moment of a cpr-exec of real QEMU before its commit. Afterwards one VMM runs the guest,
 * which has lost nothing: the source itself as long as its process was not told to exec, the old build in an instance
 * of its own after that.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { skipSuite } from '../../helpers/skip.js';
import { momentsOf } from './moments.js';
import { killAt, pairOf, type QemuRecovery, startQemuRecovery, wentOn } from './qemu-recovery.js';
import { endRecovery } from './recovery-fixture.js';

const SUITE = 'cpr-exec of real QEMU, daemon killed before the commit';
const MODE = 'cpr-exec';
const pair = pairOf('11.1', '11.1', 'riscv64');
const { before } = momentsOf(MODE);
const paused = before.indexOf('paused');

const test = suite<QemuRecovery>(SUITE);

test.before((recovery) => startQemuRecovery(recovery, { mode: MODE, ...pair }));

test.after(endRecovery);

for (const moment of before.slice(0, paused)) {
  test(`killed at ${moment}: rolled back, the guest is where it was`, async (recovery) => {
    const survived = await killAt(recovery, moment);
    const { state, reason, restoredGeneration } = survived.upgrade;
    assert.equal([state, reason?.code], ['rolled-back', 'daemon_restarted'], JSON.stringify(reason));
    assert.is(restoredGeneration, null);
    await wentOn(recovery, survived);
  });
}

for (const moment of before.slice(paused)) {
  test(`killed at ${moment}: rolled back, the old build has taken the guest back`, async (recovery) => {
    const survived = await killAt(recovery, moment);
    const { state, reason, restoredGeneration, targetGeneration } = survived.upgrade;
    assert.equal([state, reason?.code], ['rolled-back', 'daemon_restarted'], JSON.stringify(reason));
    assert.is(restoredGeneration, targetGeneration + 1);
    await wentOn(recovery, survived);
  });
}

test('after all these an upgrade without a death works', async (recovery) => {
  const { daemon, id, good, mode } = recovery;
  await daemon.client.perform(`/v1/machines/${id}/upgrade`, { build: good, mode });
});

if (pair.missing !== null) skipSuite(SUITE, pair.missing);
else test.run();
