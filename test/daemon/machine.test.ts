import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decide, MACHINE_ACTIONS, MACHINE_STATES } from '../../daemon/machine.js';
import { OPERATION_KINDS } from '../../daemon/operation.js';

const test = suite('what may be asked of a machine when');

test('every pair of action and state has an answer, and refusals say what to do', () => {
  for (const action of MACHINE_ACTIONS) {
    for (const state of MACHINE_STATES) {
      const decision = decide(action, { state, operation: null });
      if (decision.kind !== 'refuse') continue;
      assert.is(decision.code, 'wrong_state');
      assert.match(decision.message, `it is ${state}`);
    }
  }
});

test('while an upgrade is under way everything is refused, kill too', () => {
  for (const action of MACHINE_ACTIONS) {
    const operation = { kind: 'upgrade', id: 'u' } as const;
    const decision = decide(action, { state: 'running', operation });
    assert.is(decision.kind, 'refuse');
    assert.is(decision.kind === 'refuse' && decision.code, 'upgrade_in_progress');
  }
});

test('while another operation is under way only a kill breaks in, and not into a kill', () => {
  for (const kind of OPERATION_KINDS) {
    if (kind === 'upgrade') continue;
    for (const action of MACHINE_ACTIONS) {
      const decision = decide(action, { state: 'starting', operation: { kind, id: 'o' } });
      const mayRun = action === 'kill' && kind !== 'kill';
      assert.is(decision.kind, mayRun ? 'run' : 'refuse', `${action} during ${kind}`);
    }
  }
});

test('a kill breaks into a restore, though nothing is there to be killed without one', () => {
  const operation = { kind: 'restore', id: 'o' } as const;
  assert.is(decide('kill', { state: 'suspended', operation }).kind, 'run');
  assert.is(decide('kill', { state: 'suspended', operation: null }).kind, 'refuse');
});

test('start and stop are idempotent, upgrade is not', () => {
  const kindOf = (action: 'start' | 'stop' | 'upgrade', state: 'running' | 'stopped') =>
    decide(action, { state, operation: null }).kind;
  assert.is(kindOf('start', 'running'), 'already');
  assert.is(kindOf('stop', 'stopped'), 'already');
  assert.is(kindOf('upgrade', 'running'), 'run');
  assert.is(kindOf('upgrade', 'stopped'), 'refuse');
});

test('a machine with a process cannot be deleted', () => {
  for (const state of ['starting', 'running', 'paused', 'stopping', 'unresponsive'] as const) {
    assert.is(decide('delete', { state, operation: null }).kind, 'refuse');
  }
});

test('a suspended machine can be restored or discarded; all else names these two', () => {
  for (const action of MACHINE_ACTIONS) {
    const decision = decide(action, { state: 'suspended', operation: null });
    if (action === 'restore' || action === 'discard') assert.is(decision.kind, 'run', action);
    else if (action === 'suspend') assert.is(decision.kind, 'already', action);
    else assert.match(decision.kind === 'refuse' ? decision.message : '', /restore it, or discard/, action);
  }
});

test('only what has a guest can be suspended, and only what is suspended restored or discarded', () => {
  for (const state of MACHINE_STATES) {
    const kindOf = (action: 'suspend' | 'restore' | 'discard') =>
      decide(action, { state, operation: null }).kind;
    assert.is(kindOf('suspend') === 'run', state === 'running' || state === 'paused', state);
    assert.is(kindOf('restore') === 'run', state === 'suspended', state);
    assert.is(kindOf('discard') === 'run', state === 'suspended', state);
  }
});

test.run();
