/** An upgrade that a restarted daemon takes up is still whose who asked for it. */
import { userInfo } from 'node:os';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { DaemonEvent } from '../../demo/daemon-client.js';
import { dieDuringUpgrade, endRecovery, type Recovery, startRecovery } from '../upgrade/recovery-fixture.js';

type Event = DaemonEvent & { readonly requester: string };

const test = suite<Recovery>('requester of an upgrade taken up');

test.before(startRecovery);
test.after(endRecovery);

test('what was created over the socket is whose who created it, body and all', async ({ daemon }) => {
  const { events } = await daemon.client.get<{ events: Event[] }>('/v1/events');
  const created = events.find(({ type }) => type === 'baton.machine.created');
  assert.is(created?.requester, `unix:${userInfo().username}`);
});

test('its operation and the events after the restart say who asked over the socket', async (context) => {
  const { client } = context.daemon;
  const { last } = await client.get<{ last: number }>('/v1/events');
  const { id } = await dieDuringUpgrade(context, 'acted:transfer', {});
  const operation = await client.get<{ requester: string }>(`/v1/operations/${id}`);
  assert.is(operation.requester, `unix:${userInfo().username}`);
  const { events } = await client.get<{ events: Event[] }>(`/v1/events?after=${last}`);
  const ended = events.findLast(({ type }) => type === 'baton.operation.finished');
  const state = events.findLast(({ type }) => type === 'baton.upgrade.state-changed');
  assert.is(state?.data.state, 'rolled-back');
  assert.equal([ended?.requester, state?.requester], [operation.requester, operation.requester]);
});

test.run();
