/**
 * The daemon is killed in a cpr-exec of real QEMU while it goes back, and from the intent to commit on. The guest is
 * brought back once and no more, or the upgrade is finished.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findInCache } from '../../fetch/cache.js';
import { skipSuite } from '../../helpers/skip.js';
import { killAt, type QemuRecovery, registerBad, startQemuRecovery, wentOn } from './qemu-recovery.js';
import { endRecovery, type MachineDocument } from './recovery-fixture.js';

const SUITE = 'cpr-exec of real QEMU, daemon killed after the way was decided';
const qemu = findInCache().qemu('11.1', 'riscv64');
/** How many instances it took to bring the guest back. */
const GOING_BACK: Readonly<Record<string, number>> = {
  'going-back': 1,
  'undone:load': 1,
  'spawned:target': 2,
  restored: 1,
  'undone:exec': 1,
  'undone:hold-memory': 1,
  'undone:prepare-source': 1,
  'undone:preflight': 1,
};
const AFTER = [
  'begun:commit',
  'acted:commit',
  'committed',
  'begun:release-memory',
  'acted:release-memory',
  'finished',
];

function binaryOf(): string {
  return 'missing' in qemu ? '' : (qemu.argvPrefix[0] ?? '');
}

const test = suite<QemuRecovery>(SUITE);

test.before(async (recovery) => {
  const plan = { mode: 'cpr-exec', architecture: 'riscv64' } as const;
  await startQemuRecovery(recovery, { ...plan, source: binaryOf(), target: binaryOf() });
});

test.after(endRecovery);

for (const [moment, attempts] of Object.entries(GOING_BACK)) {
  test(`killed at ${moment}: goes back again, with the first cause`, async (recovery) => {
    const survived = await killAt(recovery, moment, recovery.bad);
    const { state, reason, restoredGeneration, targetGeneration } = survived.upgrade;
    assert.equal([state, reason?.code], ['rolled-back', 'target_died'], JSON.stringify(reason));
    assert.is(restoredGeneration, targetGeneration + attempts);
    await wentOn(recovery, survived);
  });
}

for (const moment of AFTER) {
  test(`killed at ${moment}: finished, the guest is on the other build`, async (recovery) => {
    const survived = await killAt(recovery, moment);
    const { state, reason } = survived.upgrade;
    assert.is(state, 'succeeded', JSON.stringify(reason));
    await wentOn(recovery, survived);
  });
}

test('killed while the process runs something that is no VMM: the guest is brought back', async (recovery) => {
  const act = 'exec sleep 3600';
  const hanging = await registerBad(recovery, 'hanging', { binary: binaryOf(), act });
  const survived = await killAt(recovery, 'begun:load', hanging);
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

if ('missing' in qemu) skipSuite(SUITE, qemu.missing);
else test.run();
