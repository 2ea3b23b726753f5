import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeFailure, LOADED, PONG, ReturnPathReader } from '../../../vmm/migration/return-path.js';

const test = suite('return path');

test('loaded is understood at whatever place the messages are cut', () => {
  const bytes = Buffer.concat([PONG, LOADED]);
  for (let cut = 0; cut < bytes.length; cut++) {
    const reader = new ReturnPathReader();
    const verdict = reader.push(bytes.subarray(0, cut)) ?? reader.push(bytes.subarray(cut));
    assert.equal(verdict, { loaded: true });
  }
});

test('a failure carries its reason, in ASCII and bounded', () => {
  const verdict = new ReturnPathReader().push(encodeFailure("section 'cpu': Grüße\n"));
  assert.equal(verdict, {
    loaded: false,
    reason: "the target could not load the state: section 'cpu': Gr??e?",
  });
  assert.ok(encodeFailure('x'.repeat(100_000)).length < 1100);
});

test('a failure without a reason tells its code', () => {
  const verdict = new ReturnPathReader().push(Buffer.from('0001000400000001', 'hex'));
  assert.equal(verdict, {
    loaded: false,
    reason: 'the target could not load the state: it indicated error 1',
  });
});

test('unknown types and wrong lengths are a failure at once, not a wait for more', () => {
  for (const hex of ['00030004', '0001ffff', 'ba70ffff', 'ffff0000']) {
    const verdict = new ReturnPathReader().push(Buffer.from(hex, 'hex'));
    assert.is(verdict?.loaded, false, hex);
  }
});

test.run();
