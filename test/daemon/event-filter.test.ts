/** Which events a filter lets through. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type EventFilter, matcher, requireKnownTypes, wordsOf } from '../../daemon/event-filter.js';

const ALL: EventFilter = { types: [], machines: [], visible: null };
const ONE = { type: 'baton.machine.created', subject: 'machines/1' };
const TWO = { type: 'baton.upgrade.state-changed', subject: 'machines/2' };
const BUILD = { type: 'baton.build.added', subject: 'builds/b' };

function passing(filter: Partial<EventFilter>): string[] {
  const matches = matcher({ ...ALL, ...filter });
  return [ONE, TWO, BUILD].filter((event) => matches?.(event) ?? true).map(({ subject }) => subject);
}

const test = suite('event filter');

test('without words everything is wanted', () => {
  assert.is(matcher(ALL), null);
});

test('types are whole or begin as said, and machines are theirs alone', () => {
  assert.equal(passing({ types: ['baton.machine.created'] }), ['machines/1']);
  assert.equal(passing({ types: ['baton.upgrade.*', 'baton.build.*'] }), ['machines/2', 'builds/b']);
  assert.equal(passing({ types: ['*'] }), ['machines/1', 'machines/2', 'builds/b']);
  assert.equal(passing({ machines: ['2'] }), ['machines/2']);
  assert.equal(passing({ machines: ['2'], types: ['baton.machine.*'] }), []);
});

test('who may know of some machines hears of those only, whatever is asked for', () => {
  assert.equal(passing({ visible: ['1'] }), ['machines/1']);
  assert.equal(passing({ visible: ['1'], machines: ['1', '2'] }), ['machines/1']);
  assert.equal(passing({ visible: ['1'], machines: ['2'] }), []);
  assert.equal(passing({ visible: [] }), []);
});

test('words come with commas, repeated, or both, and not without end', () => {
  assert.equal(wordsOf(undefined), []);
  assert.equal(wordsOf('a, b,,'), ['a', 'b']);
  assert.equal(wordsOf(['a,b', 'c']), ['a', 'b', 'c']);
  assert.throws(() => wordsOf('a,'.repeat(65)), /at most 64/);
});

test('a word that no type has is refused', () => {
  requireKnownTypes(['baton.machine.*', 'baton.build.added', '*']);
  for (const word of ['baton.machines.*', 'baton.machine', 'machine', '**']) {
    assert.throws(() => requireKnownTypes([word]), /expected the type of an event/);
  }
});

test.run();
