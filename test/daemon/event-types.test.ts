/** The list of event types, and that what is emitted is on it. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { EVENT_TYPES, EVENTS } from '../../daemon/event-types.js';

const test = suite('event types');

test('each is named baton.<what>.<what happened> and says when it is sent', () => {
  for (const type of EVENT_TYPES) {
    assert.match(type, /^baton\.[a-z]+\.[a-z]+(-[a-z]+)*$/);
    assert.ok(EVENTS[type].when.length > 3, type);
  }
});

test('every member of data has a description and a type', () => {
  for (const type of EVENT_TYPES) {
    for (const [name, schema] of Object.entries(EVENTS[type].data.properties)) {
      const { description, type: kind, anyOf } = schema as Record<string, unknown>;
      assert.type(description, 'string', `${type} ${name}`);
      assert.ok(kind !== undefined || anyOf !== undefined, `${type} ${name}`);
    }
  }
});

test.run();
