/** What happens in a guest becomes events, and a guest cannot fill the history with them. */
import { pino } from 'pino';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { NewEvent } from '../../../daemon/event.js';
import { EVENT_TYPES } from '../../../daemon/event-types.js';
import { guestEventOf } from '../../../daemon/instance/guest-event.js';
import { GuestEvents } from '../../../daemon/machines/guest-events.js';

const timestamp = { seconds: 1, microseconds: 0 };
const test = suite('events of guests');

function guest() {
  const written: NewEvent[] = [];
  const clock = { nowMs: 0 };
  const store = { quickly: <T>(work: () => T) => work(), emit: (event: NewEvent) => written.push(event) };
  const log = pino({ level: 'silent' });
  const events = new GuestEvents({
    store: store as never,
    machineId: 'x',
    log,
    nowMs: () => clock.nowMs,
  });
  return { events, written, clock };
}

test('each kind of event of a VMM is told in our words', () => {
  const said = (event: string, data: object = {}) =>
    guestEventOf({ event, data: data as Record<string, unknown>, timestamp });
  assert.equal(said('GUEST_PANICKED', { action: 'pause' }), {
    type: 'baton.guest.panicked',
    data: { action: 'pause' },
  });
  assert.equal(said('RESET', { guest: true, reason: 'guest-reset' }), {
    type: 'baton.guest.reset',
    data: { byGuest: true, reason: 'guest-reset' },
  });
  assert.equal(
    said('BLOCK_IO_ERROR', {
      device: '',
      'node-name': 'disk0',
      operation: 'write',
      action: 'report',
      nospace: true,
      reason: 'No space left on device',
    }),
    {
      type: 'baton.guest.disk-failed',
      data: {
        disk: 'disk0',
        operation: 'write',
        action: 'report',
        noSpace: true,
        reason: 'No space left on device',
      },
    },
  );
  assert.equal(said('VSERPORT_CHANGE', { id: 'agent0', open: true }), {
    type: 'baton.guest.port-opened',
    data: { port: 'agent0', isAgent: true },
  });
  assert.equal(said('VSERPORT_CHANGE', { id: 'p1', open: false })?.data, { port: 'p1', isAgent: false });
  assert.equal(said('BALLOON_CHANGE', { actual: 1_048_576 })?.data, { memoryBytes: 1_048_576 });
  assert.is(said('SHUTDOWN', { guest: true, reason: 'guest-shutdown' })?.type, 'baton.guest.shut-down');
});

test('what is no event of the guest, or is garbled, is nothing or bounded', () => {
  const said = (event: string, data?: object) =>
    guestEventOf({
      event,
      ...(data === undefined ? {} : { data: data as Record<string, unknown> }),
      timestamp,
    });
  assert.is(said('STOP'), null);
  assert.is(said('constructor'), null);
  assert.is(said('SHUTDOWN', { guest: false, reason: 'host-qmp-quit' }), null);
  assert.is(said('BALLOON_CHANGE', { actual: 'much' }), null);
  assert.equal(said('GUEST_PANICKED')?.data, { action: '' });
  assert.equal(said('RESET', { reason: 'x'.repeat(10_000) })?.data, {
    byGuest: false,
    reason: 'x'.repeat(200),
  });
});

test('all types of guests can come of something that a VMM says, but the one that counts', () => {
  const events = ['GUEST_PANICKED', 'RESET', 'POWERDOWN', 'WATCHDOG', 'BLOCK_IO_ERROR', 'MEMORY_FAILURE'];
  const types = [
    ...events.map((event) => guestEventOf({ event, timestamp })?.type),
    guestEventOf({ event: 'SHUTDOWN', data: { guest: true }, timestamp })?.type,
    guestEventOf({ event: 'BALLOON_CHANGE', data: { actual: 1 }, timestamp })?.type,
    ...[true, false].map(
      (open) => guestEventOf({ event: 'VSERPORT_CHANGE', data: { open }, timestamp })?.type,
    ),
    'baton.guest.events-dropped',
  ];
  assert.equal(types.sort(), EVENT_TYPES.filter((type) => type.startsWith('baton.guest.')).sort());
});

test('beyond a burst one event per minute is written, and the next one says how many were not', () => {
  const { events, written, clock } = guest();
  const reset = { type: 'baton.guest.reset', data: { byGuest: true, reason: 'guest-reset' } } as const;
  for (let n = 0; n < 1_000; n += 1) events.tell(3, reset);
  assert.is(written.length, 20);
  assert.equal(written[0], {
    type: 'baton.guest.reset',
    subject: 'machines/x',
    data: { generation: 3, byGuest: true, reason: 'guest-reset' },
  });
  clock.nowMs += 60_000;
  for (let n = 0; n < 10; n += 1) events.tell(3, reset);
  assert.equal(
    written.slice(20).map(({ type, data }) => ({ type, ...data })),
    [
      { type: 'baton.guest.events-dropped', generation: 3, count: 980 },
      { type: 'baton.guest.reset', generation: 3, byGuest: true, reason: 'guest-reset' },
    ],
  );
  events.retire();
  clock.nowMs += 6_000_000;
  events.tell(3, reset);
  assert.is(written.length, 22);
});

test('a store that does not take them does not disturb anybody', () => {
  const broken = {
    quickly: () => {
      throw new Error('full');
    },
    emit: () => undefined,
  };
  const events = new GuestEvents({ store: broken, machineId: 'x', log: pino({ level: 'silent' }) });
  events.tell(1, { type: 'baton.guest.powerdown-asked', data: {} });
  events.retire();
});

test.run();
