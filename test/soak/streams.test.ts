import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { playCase } from './streams.js';

const CASES = 3000;

const test = suite('loading damaged streams');

test(`${CASES} streams damaged at random and by their structure end in a state or a StreamError`, () => {
  let refused = 0;
  for (let seed = 1; seed <= CASES; seed++) if (playCase(seed)) refused++;
  assert.ok(refused > CASES / 2, `${refused} refused`);
  assert.ok(refused < CASES, 'some are whole');
});

test.run();
