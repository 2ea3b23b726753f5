/** Who asked is in every event and operation, whatever runs them and when. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Principal } from '../../../daemon/access/principal.js';
import { asRequester, currentRequester } from '../../../daemon/access/requester.js';
import type { App } from '../../../daemon/app.js';
import { waitFor } from '../../helpers/wait.js';
import { call, createRunning, type Folders, makeFolders, perform, startApp, tearDown } from '../fixture.js';

interface Context {
  folders: Folders;
  app: App;
}

const ALICE: Principal = { name: 'alice', via: 'unix', role: 'operator', uid: 1000, address: null };

const test = suite<Context>('requester');

test.before.each(async (context) => {
  context.folders = await makeFolders();
  context.app = await startApp(context.folders);
});

test.after.each(({ folders, app }) => tearDown(folders, app));

function requestersOf({ services: { store } }: App, type: string): string[] {
  const events = store.events.after(0, 1_000);
  return events.filter((event) => event.type === type).map(({ requester }) => requester);
}

test('nobody is the daemon; work that waits goes on for who asked for it', async () => {
  assert.is(currentRequester().name, 'batond');
  const name = await asRequester(ALICE, async () => {
    await new Promise((resolve) => setImmediate(resolve));
    return currentRequester().name;
  });
  assert.is(name, 'alice');
  assert.is(currentRequester().name, 'batond');
});

test('a change is whose request it was; what the daemon did by itself is its own', async ({ app }) => {
  const id = (await call(app, 'POST', '/v1/machines', { name: 'm', memoryMiB: 32, kernel: '/k' })).body.id;
  await call(app, 'DELETE', `/v1/machines/${id}`);
  assert.equal(requestersOf(app, 'baton.machine.created'), ['daemon:inject']);
  assert.equal(requestersOf(app, 'baton.machine.deleted'), ['daemon:inject']);
  assert.equal(requestersOf(app, 'baton.build.added'), ['daemon:batond']);
});

test('an operation and all that comes of it is whose who asked; what comes later by itself is nobody’s', async ({
  app,
  folders,
}) => {
  const id = await createRunning(app, folders);
  const actor = app.supervisor.actor(id);
  const operation = asRequester(ALICE, () => actor.pause());
  await actor.idle();
  assert.equal(operation.requester, ALICE);
  const { body } = await call(app, 'GET', `/v1/operations/${operation.id}`);
  assert.is(body.requester, 'unix:alice');
  await perform(app, `/v1/machines/${id}/resume`);
  assert.equal(requestersOf(app, 'baton.machine.state-changed').slice(-2), ['unix:alice', 'daemon:inject']);
  assert.equal(requestersOf(app, 'baton.instance.started'), ['daemon:inject']);
  const { pid } = (await call(app, 'GET', `/v1/machines/${id}/instances`)).body.instances[0];
  process.kill(pid, 'SIGKILL');
  await waitFor(() => requestersOf(app, 'baton.instance.ended')[0], { what: 'the end to be seen' });
  assert.equal(requestersOf(app, 'baton.instance.ended'), ['daemon:batond']);
});

test('an operation that an earlier daemon began ends for who had asked for it', async ({ app, folders }) => {
  const id = await createRunning(app, folders);
  const { store } = app.services;
  asRequester(ALICE, () => {
    store.durably(() => store.operations.insert({ id: 'begun', kind: 'stop', machineId: id }));
  });
  await app.close(5_000);
  const next = await startApp(folders);
  try {
    const { body } = await call(next, 'GET', '/v1/operations/begun');
    assert.equal([body.state, body.requester], ['failed', 'unix:alice']);
    assert.is(requestersOf(next, 'baton.operation.finished').at(-1), 'unix:alice');
  } finally {
    await next.close(5_000);
  }
});

test.run();
