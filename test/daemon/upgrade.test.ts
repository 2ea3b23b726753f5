import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { STEPS } from '../../daemon/upgrade/modes.js';
import { deadlineOf, type UpgradeContext } from '../../daemon/upgrade/step.js';
import { canBecome, isTerminal, NEXT, UPGRADE_STATES } from '../../daemon/upgrade.js';

const test = suite('upgrade states and steps');

test('every state is reached from pending, and leads to an end', () => {
  const reached = new Set<string>(['pending']);
  for (const state of reached) for (const next of NEXT[state as keyof typeof NEXT]) reached.add(next);
  assert.equal([...reached].sort(), [...UPGRADE_STATES].sort());
  for (const state of UPGRADE_STATES) {
    assert.ok(isTerminal(state) || NEXT[state].length > 0);
  }
});

test('every state before the commit can go back, none after it can', () => {
  const ends = ['succeeded', 'failed', 'rolled-back', 'cancelled', 'rolling-back', 'finishing'];
  for (const state of UPGRADE_STATES) {
    assert.is(canBecome(state, 'rolling-back'), !ends.includes(state), state);
  }
});

for (const [mode, steps] of STEPS) {
  test(`${mode} has one commit, deadlines, names that differ, and a way through the states`, () => {
    assert.is(steps.filter((step) => step.commits).length, 1);
    assert.is(new Set(steps.map((step) => step.name)).size, steps.length);
    const context = { machine: { spec: { memoryMiB: 1024 } } } as UpgradeContext;
    for (const step of steps) {
      const deadlineMs = deadlineOf(step, context);
      assert.ok(deadlineMs > 0 && deadlineMs <= 180_000, `${step.name} within ${deadlineMs} ms`);
    }
    const states = steps.map((step) => step.state);
    assert.is(states[0], 'preflight');
    assert.is(states.at(-1), 'finishing');
    const order = states.map((state) => UPGRADE_STATES.indexOf(state));
    assert.equal(
      order,
      [...order].sort((a, b) => a - b),
    );
  });
}

test.run();
