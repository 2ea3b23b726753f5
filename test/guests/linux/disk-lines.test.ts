import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isWorkLine, readDisk } from './disk-lines.js';

const test = suite('lines of a Debian guest');
const line = (writes: number, verified: number, verdict = 'ok') =>
  `disk: writes=${writes} verified=${verified} gap_us=2500 max_gap_us=9000 ${verdict}\r\n`;

test('a line that the source began is ended by the target', () => {
  const text = `${line(10, 10)}ticker: ticks=100\n${line(20, 20)}${line(30, 30)}`;
  const lines = readDisk([text.slice(0, 80), text.slice(80), 'disk: wri']);
  assert.equal(
    lines.map(({ writes }) => writes),
    [10, 20, 30],
  );
  assert.is(lines[0]?.gapMs, 2.5);
});

for (const [what, text] of [
  ['the guest found a block changed', line(10, 9, 'BAD')],
  ['a block was not verified', line(10, 9)],
  ['the counts go back', line(20, 20) + line(10, 10)],
]) {
  test(`it is noticed when ${what}`, () => {
    assert.throws(() => readDisk([text as string]), /expected every write to be read back intact/);
  });
}

test('whole lines of the work are told from damaged ones', () => {
  for (const whole of [
    'guest: unmounted',
    'disk: ended writes=3 verified=3 max_gap_us=1 ok',
    'echo: listening',
  ]) {
    assert.ok(isWorkLine(whole), whole);
  }
  for (const damaged of [
    'disk: wri',
    'ticker: ticks=100',
    'sk: writes=1 verified=1 gap_us=1 max_gap_us=1 ok',
  ]) {
    assert.not.ok(isWorkLine(damaged), damaged);
  }
});

test.run();
