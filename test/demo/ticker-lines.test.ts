import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readTicker } from './ticker-lines.js';

const test = suite('ticker lines');

const line = (ticks: number, gapUs = 1100, pattern = 'ok') =>
  `ticker: ticks=${ticks} gap_us=${gapUs} max_gap_us=9000 pattern=${pattern}\n`;

test('lines after the first are read, whatever was printed before', () => {
  const { lines, damaged } = readTicker([`boot noise\r\nticker: start\r\n${line(100)}${line(200, 2500)}`]);
  assert.equal(lines, [
    { ticks: 100, gapMs: 1.1, patternIntact: true },
    { ticks: 200, gapMs: 2.5, patternIntact: true },
  ]);
  assert.equal(damaged, []);
});

test('a line that the source began and the target ended is one line', () => {
  const text = `ticker: start\n${line(100)}${line(200)}`;
  for (let cut = 0; cut <= text.length; cut++) {
    assert.is(readTicker([text.slice(0, cut), text.slice(cut)]).lines.length, 2);
  }
});

test('an unfinished last line is not judged yet', () => {
  assert.equal(readTicker([`ticker: start\n${line(100)}ticker: tic`]).damaged, []);
});

test('a lost byte, a lost or doubled line and a count that goes back are noticed', () => {
  assert.is(readTicker([`ticker: start\n${line(100)}${line(300)}`]).damaged.length, 1);
  assert.is(readTicker([`ticker: start\n${line(100).slice(1)}${line(200)}`]).damaged.length, 1);
  assert.is(readTicker([`ticker: start\n${line(100)}${line(100)}`]).damaged.length, 1);
  assert.is(readTicker([`ticker: start\n${line(200)}${line(100)}`]).damaged.length, 1);
});

test('a damaged memory pattern is told', () => {
  assert.is(readTicker([`ticker: start\n${line(100, 1000, 'BAD')}`]).lines[0]?.patternIntact, false);
});

test('a console on which the ticker has not started has no lines', () => {
  assert.equal(readTicker([]), { lines: [], damaged: [] });
  assert.equal(readTicker(['Linux version 6.12\n']), { lines: [], damaged: [] });
});

test.run();
