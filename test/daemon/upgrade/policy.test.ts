import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Build } from '../../../daemon/build.js';
import { BatonError } from '../../../daemon/errors.js';
import { chooseMode } from '../../../daemon/upgrade/policy.js';
import type { UpgradeMode } from '../../../daemon/upgrade.js';

function build(id: string, ...modes: UpgradeMode[]): Build {
  const files = { contentHash: 'h', files: ['/q'], fileState: 'as-registered', fileStamp: '' } as const;
  return { id, kind: 'qemu', path: '/q', version: '1', ...files, abilities: { modes }, addedAtMs: 1 };
}

const ALL = new Set<UpgradeMode>(['cpr-transfer', 'cpr-exec', 'cpr-reboot']);

const test = suite('choice of the upgrade mode');

test('auto takes the mode that can go back the longest', () => {
  const choice = chooseMode('auto', build('a', 'cpr-exec', 'cpr-transfer'), build('b', ...ALL), ALL);
  assert.is(choice.mode, 'cpr-transfer');
  assert.match(choice.reason, /both builds know/);
});

test('auto takes what is left when the best is not known to both', () => {
  const choice = chooseMode('auto', build('a', 'cpr-exec', 'cpr-reboot'), build('b', 'cpr-reboot'), ALL);
  assert.is(choice.mode, 'cpr-reboot');
});

test('a mode that was asked for is taken only when both know it and the daemon offers it', () => {
  const both = build('a', ...ALL);
  assert.is(chooseMode('cpr-exec', both, both, ALL).mode, 'cpr-exec');
  const refused = (error: unknown) => error instanceof BatonError && error.code === 'mode_not_supported';
  assert.throws(() => chooseMode('cpr-exec', both, build('b', 'cpr-transfer'), ALL), refused);
  assert.throws(() => chooseMode('cpr-exec', both, both, new Set(['cpr-transfer'])), refused);
  assert.throws(() => chooseMode('auto', both, build('b'), ALL), refused);
});

test.run();
