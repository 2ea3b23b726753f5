/**
 * The daemon is killed in a cpr-reboot of real QEMU from the intent to commit on: the next one finishes it; no state
 * is left.
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
import { endRecovery } from './recovery-fixture.js';

const SUITE = 'cpr-reboot of real QEMU, daemon killed after the way was decided';
const MODE = 'cpr-reboot';
const pair = pairOf('11.1', '11.1', 'x86_64');
const { after } = momentsOf(MODE);

const test = suite<QemuRecovery>(SUITE);

test.before((recovery) => startQemuRecovery(recovery, { mode: MODE, ...pair }));

test.after(endRecovery);

for (const moment of after) {
  test(`killed at ${moment}: finished, the guest is on the other side`, async (recovery) => {
    const survived = await killAt(recovery, moment);
    assert.is(survived.upgrade.state, 'succeeded', JSON.stringify(survived.upgrade.reason));
    await wentOn(recovery, survived);
  });
}

test('no moment was passed over', (recovery) => allAreKilledAt(MODE, toldMoments(recovery)));

if (pair.missing !== null) skipSuite(SUITE, pair.missing);
else test.run();
