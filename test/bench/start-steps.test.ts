import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { stepsOf } from './start-steps.js';

const test = suite('steps of a start');

test('each pause is cut at the marks that lie in it', () => {
  const trace = '900 stream\n2000 exec\n5000 node\n9000 loaded\n12000 exec\n14000 node\n15000 loaded\n';
  const pauses = [
    { stoppedAtUs: 1000, resumedAtUs: 10_000 },
    { stoppedAtUs: 11_000, resumedAtUs: 18_000 },
  ];
  assert.equal(stepsOf(trace, pauses), [
    { name: 'STOP → exec', valuesMs: [1, 1] },
    { name: 'exec → node', valuesMs: [3, 2] },
    { name: 'node → loaded', valuesMs: [4, 1] },
    { name: 'loaded → RESUME', valuesMs: [1, 3] },
  ]);
});

test('without marks a pause is one step, without pauses there is none', () => {
  assert.equal(stepsOf('', [{ stoppedAtUs: 0, resumedAtUs: 2000 }]), [
    { name: 'STOP → RESUME', valuesMs: [2] },
  ]);
  assert.equal(stepsOf('1 exec\n', []), []);
});

test.run();
