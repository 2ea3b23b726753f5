/** Events of devices: told, but not more often than monitors can bear. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceEvents } from '../../vmm/device-events.js';
import { EventHub } from '../../vmm/qmp/events.js';
import { WallClock } from '../../vmm/qmp/wall-clock.js';
import { waitFor } from '../helpers/wait.js';

const test = suite('events of devices');

function listen() {
  const hub = new EventHub(new WallClock());
  const told: string[] = [];
  hub.subscribe(({ event, data }) => told.push(`${event} ${JSON.stringify(data)}`));
  const events = new DeviceEvents(hub);
  const port = (id: string | null, open: boolean) =>
    events.hear({ name: 'VSERPORT_CHANGE', chardev: `c-${id}`, id, open });
  return { events, told, port };
}

const line = (id: string, open: boolean) => `VSERPORT_CHANGE ${JSON.stringify({ id, open })}`;

test('a port that changes often is told at once, and then as it is in the end', async () => {
  const { told, port } = listen();
  for (let round = 0; round < 100; round++) {
    port('p', true);
    port('p', false);
  }
  port('q', true);
  assert.equal(told, [line('p', true), line('q', true)]);
  await waitFor(() => told.length === 3, { what: 'the last word' });
  assert.is(told[2], line('p', false));
});

test('a port that nobody named is not told, but its chardev is known to be open', () => {
  const { events, told, port } = listen();
  port(null, true);
  assert.equal([told, [...events.openChardevs]], [[], ['c-null']]);
  port(null, false);
  assert.equal([...events.openChardevs], []);
});

test.run();
