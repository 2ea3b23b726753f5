/**
 * The daemon is killed at each moment of a cpr-reboot of real QEMU. Before the commit's intent is written the source
 * has the guest, which has lost nothing; from there on the target has it. No state is left in either case.
 */
import { readdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findInCache } from '../../fetch/cache.js';
import { skipSuite } from '../../helpers/skip.js';
import { killAt, type QemuRecovery, startQemuRecovery, wentOn } from './qemu-recovery.js';
import { endRecovery } from './recovery-fixture.js';

const SUITE = 'cpr-reboot of real QEMU, daemon killed';
const qemu = findInCache().qemu('11.1', 'x86_64');
const BACK = [
  'begun:make-folder',
  'spawned:target',
  'begun:save',
  'paused',
  'acted:save',
  'begun:load',
  'acted:load',
  'begun:verify',
  'acted:verify',
];
const ONWARD = ['begun:commit', 'acted:commit', 'committed', 'begun:remove-state', 'finished'];

const test = suite<QemuRecovery>(SUITE);

test.before(async (recovery) => {
  const [binary = ''] = 'missing' in qemu ? [] : qemu.argvPrefix;
  const plan = { architecture: 'x86_64', source: binary, target: binary } as const;
  await startQemuRecovery(recovery, { mode: 'cpr-reboot', ...plan });
});

test.after(endRecovery);

function noStateIsLeft({ folders, id }: QemuRecovery): void {
  const left = readdirSync(`${folders.stateDir}/machines/${id}`).filter((name) => name.startsWith('u'));
  assert.equal(left, []);
}

for (const moment of BACK) {
  test(`killed at ${moment}: rolled back, the guest is where it was`, async (recovery) => {
    const survived = await killAt(recovery, moment);
    const { state, reason } = survived.upgrade;
    assert.equal([state, reason?.code], ['rolled-back', 'daemon_restarted'], JSON.stringify(reason));
    await wentOn(recovery, survived);
    noStateIsLeft(recovery);
  });
}

for (const moment of ONWARD) {
  test(`killed at ${moment}: the upgrade ends as succeeded`, async (recovery) => {
    const survived = await killAt(recovery, moment);
    assert.is(survived.upgrade.state, 'succeeded', JSON.stringify(survived.upgrade.reason));
    await wentOn(recovery, survived);
    noStateIsLeft(recovery);
  });
}

if ('missing' in qemu) skipSuite(SUITE, qemu.missing);
else test.run();
