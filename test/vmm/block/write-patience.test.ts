/** Writes at once are given up for a time when the host makes them sleep. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WritePatience } from '../../../vmm/block/write-patience.js';

const test = suite('patience with writes');
const LONG_NS = 5_000_000;

test('a write that slept for long bars the way, longer each time, and no longer than a minute', () => {
  let now = 1_000_000;
  const patience = new WritePatience(() => now);
  patience.slept(0);
  patience.slept(500_000);
  assert.ok(patience.isLeft);
  const bars: number[] = [];
  for (let count = 0; count < 8; count++) {
    patience.slept(LONG_NS);
    const start = now;
    while (!patience.isLeft) now += 100;
    bars.push((now - start) / 1000);
  }
  assert.equal(bars, [1, 2, 4, 8, 16, 32, 60, 60]);
  now += 61_000;
  patience.slept(0);
  patience.slept(LONG_NS);
  now += 1000;
  assert.ok(patience.isLeft, 'after a good minute it begins with a second again');
});

test.run();
