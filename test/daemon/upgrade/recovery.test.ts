/**
 * The daemon is killed at each moment of an upgrade: after every write and before the act, and after every act
 * and before its write. Afterwards one VMM runs the guest, its memory is intact, and the upgrade has ended
 * truthfully: back before the intent to commit was written, forward after.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  dieDuringUpgrade,
  endRecovery,
  guestIsWell,
  type Recovery,
  startRecovery,
} from './recovery-fixture.js';

const BEFORE = [
  'begun:preflight',
  'acted:preflight',
  'begun:prepare-source',
  'acted:prepare-source',
  'begun:start-target',
  'spawned:target',
  'acted:start-target',
  'begun:prepare-guest',
  'acted:prepare-guest',
  'begun:transfer',
  'acted:transfer',
  'begun:configure-target',
  'acted:configure-target',
  'begun:hand-over',
  'acted:hand-over',
  'begun:verify',
  'acted:verify',
];

const test = suite<Recovery>('upgrade, daemon killed before the commit');

test.before(startRecovery);
test.after(endRecovery);

for (const moment of BEFORE) {
  test(`killed at ${moment}: rolled back, the guest is where it was`, async (context) => {
    const upgrade = await dieDuringUpgrade(context, moment, {});
    assert.is(upgrade.state, 'rolled-back', JSON.stringify(upgrade.reason));
    assert.is(upgrade.reason?.code, 'daemon_restarted');
    await guestIsWell(context, upgrade.sourceGeneration);
  });
}

test.run();
