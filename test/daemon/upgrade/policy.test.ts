import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Build } from '../../../daemon/build.js';
import type { Finding, Severity } from '../../../daemon/preflight/finding.js';
import { candidates, chooseMode, describe } from '../../../daemon/upgrade/policy.js';
import type { UpgradeMode } from '../../../daemon/upgrade.js';

function build(id: string, ...modes: UpgradeMode[]): Build {
  const files = { contentHash: 'h', files: ['/q'], fileState: 'as-registered', fileStamp: '' } as const;
  return { id, kind: 'qemu', path: '/q', version: '1', ...files, abilities: { modes }, addedAtMs: 1 };
}

function finding(sentence: string, severity: Severity = 'block'): Finding {
  return { code: 'source_blocked', severity, sentence, remedy: 'r' };
}

const ALL = new Set<UpgradeMode>(['cpr-transfer', 'cpr-exec', 'cpr-reboot']);
const KNOWS_ALL = build('a', ...ALL);

const test = suite('choice of the upgrade mode');

test('auto takes the mode that can go back the longest', () => {
  const offered = candidates('auto', build('a', 'cpr-exec', 'cpr-transfer'), KNOWS_ALL, ALL);
  assert.equal(offered.modes, ['cpr-transfer', 'cpr-exec']);
  const choice = chooseMode('auto', offered, [{ mode: 'cpr-transfer', findings: [finding('hm', 'warn')] }]);
  assert.equal(choice, { mode: 'cpr-transfer', reason: 'cpr-transfer is the safest mode that can be taken' });
});

test('auto takes the best of what nothing blocks, and says why the others were passed over', () => {
  const offered = candidates('auto', KNOWS_ALL, build('b', 'cpr-transfer', 'cpr-reboot'), ALL);
  const { mode, reason } = chooseMode('auto', offered, [
    { mode: 'cpr-transfer', findings: [finding('private memory'), finding('more')] },
    { mode: 'cpr-reboot', findings: [] },
  ]);
  assert.is(mode, 'cpr-reboot');
  assert.is(
    reason,
    'cpr-reboot is the safest mode that can be taken; cpr-transfer: private memory; cpr-exec: b does not know it',
  );
});

test('when everything is blocked the best is looked at, with the reasons of all', () => {
  const offered = candidates('auto', KNOWS_ALL, KNOWS_ALL, ALL);
  const { mode, reason } = chooseMode('auto', offered, [
    { mode: 'cpr-transfer', findings: [finding('one')] },
    { mode: 'cpr-exec', findings: [finding('two')] },
    { mode: 'cpr-reboot', findings: [finding('three')] },
  ]);
  assert.is(mode, 'cpr-transfer');
  assert.is(reason, 'no mode can be taken: cpr-transfer: one; cpr-exec: two; cpr-reboot: three');
});

test('a mode that was asked for is a candidate only when both know it and the daemon offers it', () => {
  const only = (offered: ReturnType<typeof candidates>) => [offered.modes, describe(offered.passedOver)];
  assert.equal(only(candidates('cpr-exec', KNOWS_ALL, KNOWS_ALL, ALL)), [['cpr-exec'], '']);
  assert.equal(only(candidates('cpr-exec', KNOWS_ALL, build('b', 'cpr-transfer'), ALL)), [
    [],
    'cpr-exec: b does not know it',
  ]);
  assert.equal(only(candidates('cpr-exec', KNOWS_ALL, KNOWS_ALL, new Set(['cpr-transfer']))), [
    [],
    'cpr-exec: this daemon does not offer it',
  ]);
});

test('what was asked for is taken, whatever would be better', () => {
  const offered = candidates('cpr-reboot', KNOWS_ALL, KNOWS_ALL, ALL);
  const choice = chooseMode('cpr-reboot', offered, [{ mode: 'cpr-reboot', findings: [finding('no room')] }]);
  assert.equal(choice, { mode: 'cpr-reboot', reason: 'asked for' });
});

test.run();
