import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isRunState, RUN_STATES, RunStateHolder } from '../../vmm/run-state.js';

const test = suite('run state');

test('goes the way of a source and back', () => {
  const state = new RunStateHolder('prelaunch');
  for (const next of [
    'running',
    'paused',
    'running',
    'finish-migrate',
    'running',
    'finish-migrate',
  ] as const) {
    state.set(next);
    assert.is(state.current, next);
  }
  state.set('postmigrate');
  state.set('running');
});

test('refuses what cannot follow, and stays as it was', () => {
  const state = new RunStateHolder('postmigrate');
  assert.throws(() => state.set('finish-migrate'), /'postmigrate' cannot become 'finish-migrate'/);
  assert.throws(() => state.set('inmigrate'), /cannot become/);
  assert.is(state.current, 'postmigrate');
});

test('setting the same state again is no transition', () => {
  for (const name of RUN_STATES) {
    const state = new RunStateHolder(name);
    state.set(name);
    assert.is(state.current, name);
  }
});

test('knows its names', () => {
  assert.ok(isRunState('running'));
  assert.not.ok(isRunState('colo'));
  assert.not.ok(isRunState(7));
});

test.run();
