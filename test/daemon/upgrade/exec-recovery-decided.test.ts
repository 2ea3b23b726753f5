/**
 * The daemon is killed in a cpr-exec of real QEMU while it goes back, and from the intent to commit on. The guest is
 * brought back once and no more, or the upgrade is finished.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { skipSuite } from '../../helpers/skip.js';
import { allAreKilledAt, momentsOf } from './moments.js';
import {
  killAt,
  pairOf,
  type QemuRecovery,
  registerBad,
  startQemuRecovery,
  toldMoments,
  wentOn,
} from './qemu-recovery.js';
import { endRecovery, type MachineDocument } from './recovery-fixture.js';

const SUITE = 'cpr-exec of real QEMU, daemon killed after the way was decided';
const MODE = 'cpr-exec';
const pair = pairOf('11.1', '11.1', 'riscv64');
const { back, after } = momentsOf(MODE);

const test = suite<QemuRecovery>(SUITE);

test.before((recovery) => startQemuRecovery(recovery, { mode: MODE, ...pair }));

test.after(endRecovery);

for (const moment of back) {
  const attempts = moment === 'spawned:target' ? 2 : 1;
  test(`killed at ${moment}: goes back again, with the first cause`, async (recovery) => {
    const survived = await killAt(recovery, moment, { build: recovery.bad });
    const { state, reason, restoredGeneration, targetGeneration } = survived.upgrade;
    assert.equal([state, reason?.code], ['rolled-back', 'target_died'], JSON.stringify(reason));
    assert.is(restoredGeneration, targetGeneration + attempts);
    await wentOn(recovery, survived);
  });
}

for (const moment of after) {
  test(`killed at ${moment}: finished, the guest is on the other build`, async (recovery) => {
    const survived = await killAt(recovery, moment);
    const { state, reason } = survived.upgrade;
    assert.is(state, 'succeeded', JSON.stringify(reason));
    await wentOn(recovery, survived);
  });
}

test('killed while the process runs something that is no VMM: the guest is brought back', async (recovery) => {
  const act = 'exec sleep 3600';
  const hanging = await registerBad(recovery, 'hanging', { binary: pair.target, act });
  const survived = await killAt(recovery, 'begun:load', { build: hanging });
  const { state, reason, restoredGeneration, targetGeneration } = survived.upgrade;
  assert.equal([state, reason?.code], ['rolled-back', 'daemon_restarted'], JSON.stringify(reason));
  assert.is(restoredGeneration, targetGeneration + 1);
  await wentOn(recovery, survived);
});

test('a paused machine whose daemon is killed late is paused in the old build, and resumes', async (recovery) => {
  const { daemon, id } = recovery;
  await daemon.client.perform(`/v1/machines/${id}/pause`);
  const survived = await killAt(recovery, 'acted:verify');
  assert.is(survived.upgrade.state, 'rolled-back', JSON.stringify(survived.upgrade.reason));
  assert.is((await daemon.client.get<MachineDocument>(`/v1/machines/${id}`)).state, 'paused');
  await daemon.client.perform(`/v1/machines/${id}/resume`);
  await wentOn(recovery, survived);
});

test('no moment was passed over', (recovery) => allAreKilledAt(MODE, toldMoments(recovery)));

if (pair.missing !== null) skipSuite(SUITE, pair.missing);
else test.run();
