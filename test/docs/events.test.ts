/** docs/events.md says what the daemon sends. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { REACHED_EVENT } from '../../daemon/event.js';
import { eventsPage, familiesListed, withTypes } from './event-table.js';

const test = suite('docs/events.md');

test('its tables are the list of types, whole', () => {
  assert.ok(familiesListed());
  assert.is(eventsPage(), withTypes(eventsPage()), 'npm run build:config writes them');
});

test('it tells of the event that is not stored', () => {
  assert.ok(eventsPage().includes(`\`${REACHED_EVENT}\``));
});

test.run();
