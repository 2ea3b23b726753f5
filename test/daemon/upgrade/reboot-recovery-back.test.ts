/**
 * The daemon is killed in a cpr-reboot of real QEMU, and so is the next one while it goes back. The source
 * goes on once and no more; no state is left.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { skipSuite } from '../../helpers/skip.js';
import { allAreKilledAt, momentsOf } from './moments.js';
import {
  killAt,
  pairOf,
  type QemuRecovery,
  startQemuRecovery,
  toldMoments,
  wentOn,
} from './qemu-recovery.js';
import { endRecovery, type MachineDocument } from './recovery-fixture.js';

const SUITE = 'cpr-reboot of real QEMU, daemon killed while it goes back';
const MODE = 'cpr-reboot';
const pair = pairOf('11.1', '11.1', 'x86_64');
const { back } = momentsOf(MODE);

const test = suite<QemuRecovery>(SUITE);

test.before((recovery) => startQemuRecovery(recovery, { mode: MODE, ...pair }));

test.after(endRecovery);

for (const moment of back) {
  test(`killed before the commit and again at ${moment}: rolled back`, async (recovery) => {
    const survived = await killAt(recovery, 'acted:verify', { again: moment });
    const { state, reason } = survived.upgrade;
    assert.equal([state, reason?.code], ['rolled-back', 'daemon_restarted'], JSON.stringify(reason));
    await wentOn(recovery, survived);
  });
}

test('killed while it goes back from a target that ended: rolled back, with the first cause', async (recovery) => {
  const survived = await killAt(recovery, 'going-back', { build: recovery.bad });
  const { state, reason } = survived.upgrade;
  assert.equal([state, reason?.code], ['rolled-back', 'target_died'], JSON.stringify(reason));
  await wentOn(recovery, survived);
});

test('a paused machine whose daemon is killed late is paused where it was, and resumes', async (recovery) => {
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
