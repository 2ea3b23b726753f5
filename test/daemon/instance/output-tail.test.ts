import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { withLastWords } from '../../../daemon/instance/output-tail.js';

const test = suite('the last words of a process');

test('a complaint is told with the advice that follows it, and what came before is not', () => {
  const output = ['starting', 'Failed to get "write" lock', 'Is another process using the image?'];
  const told = 'it ended; it said: Failed to get "write" lock | Is another process using the image?';
  assert.is(withLastWords('it ended', output), told);
});

test('a process that said nothing is not quoted', () => {
  assert.is(withLastWords('it ended', []), 'it ended');
});

test.run();
