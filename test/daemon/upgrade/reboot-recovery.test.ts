/**
 * The daemon is killed at each moment of a cpr-reboot of real QEMU before its commit. Afterwards the source runs the
 * guest, which has lost nothing, and no state is left.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { skipSuite } from '../../helpers/skip.js';
import { momentsOf } from './moments.js';
import { killAt, pairOf, type QemuRecovery, startQemuRecovery, wentOn } from './qemu-recovery.js';
import { endRecovery } from './recovery-fixture.js';

const SUITE = 'cpr-reboot of real QEMU, daemon killed before the commit';
const MODE = 'cpr-reboot';
const pair = pairOf('11.1', '11.1', 'x86_64');

const test = suite<QemuRecovery>(SUITE);

test.before((recovery) => startQemuRecovery(recovery, { mode: MODE, ...pair }));

test.after(endRecovery);

for (const moment of momentsOf(MODE).before) {
  test(`killed at ${moment}: rolled back, the guest is where it was`, async (recovery) => {
    const survived = await killAt(recovery, moment);
    const { state, reason } = survived.upgrade;
    assert.equal([state, reason?.code], ['rolled-back', 'daemon_restarted'], JSON.stringify(reason));
    await wentOn(recovery, survived);
  });
}

if (pair.missing !== null) skipSuite(SUITE, pair.missing);
else test.run();
