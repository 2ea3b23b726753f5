import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type Finding,
  type FindingCode,
  FORCIBLE_CODES,
  force,
  type Severity,
  verdictOn,
} from '../../../daemon/preflight/finding.js';

function finding(code: FindingCode, severity: Severity = 'block'): Finding {
  return { code, severity, sentence: 's', remedy: 'r' };
}

const test = suite('findings');

test('warnings and hints are in the way of nothing', () => {
  assert.is(verdictOn([finding('host_memory_low', 'warn'), finding('same_build', 'info')]), 'can-upgrade');
});

test("only the machine's own properties ask for a cold restart", () => {
  assert.is(verdictOn([finding('memory_not_shared')]), 'needs-cold-restart');
  assert.is(verdictOn([finding('memory_not_shared'), finding('build_changed')]), 'cannot-upgrade');
  assert.is(
    verdictOn([finding('memory_not_shared'), finding('build_changed', 'warn')]),
    'needs-cold-restart',
  );
});

test('a mode that was not allowed does not hide what the others need', () => {
  assert.is(verdictOn([finding('downtime_not_allowed')]), 'cannot-upgrade');
  assert.is(verdictOn([finding('downtime_not_allowed'), finding('memory_not_shared')]), 'needs-cold-restart');
});

test('what is forced is a warning; what would lose the guest cannot be forced', () => {
  const codes: FindingCode[] = ['target_option_missing', 'memory_not_shared', 'rehearsal_failed'];
  const severities = force(
    codes.map((code) => finding(code)),
    codes,
  ).map(({ severity }) => severity);
  assert.equal(severities, ['warn', 'block', 'block']);
  for (const code of [
    'source_blocked',
    'aux_memory_not_shared',
    'vmstate_known_loss',
    'disk_replaced',
  ] as const) {
    assert.not(FORCIBLE_CODES.includes(code), code);
  }
});

test.run();
