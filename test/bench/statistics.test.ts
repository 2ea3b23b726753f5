import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { percentile, summarize } from './statistics.js';

const test = suite('statistics');

test('a percentile is the nearest-rank value, whatever the order', () => {
  const values = [15, 20, 35, 40, 50].reverse();
  assert.is(percentile(values, 0.3), 20);
  assert.is(percentile(values, 0.4), 20);
  assert.is(percentile(values, 0.5), 35);
  assert.is(percentile(values, 1), 50);
  assert.is(percentile(values, 0), 15);
  assert.equal(values, [50, 40, 35, 20, 15]);
});

test('the 99th percentile of 200 values leaves the two largest out', () => {
  const values = Array.from({ length: 200 }, (_, index) => index + 1);
  assert.is(percentile(values, 0.99), 198);
});

test('one value is all of its summary', () => {
  assert.equal(summarize([7]), { count: 1, min: 7, median: 7, p99: 7, max: 7 });
});

test('no values have no percentile', () => {
  assert.throws(() => percentile([], 0.5), /at least one value/);
});

test.run();
