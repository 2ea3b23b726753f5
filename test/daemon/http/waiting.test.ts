/** Waiting for the end of an operation, in the request that begins it and in later ones. */
import { get } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import { waitFor, within } from '../../helpers/wait.js';
import {
  call,
  createMachine,
  createRunning,
  type Folders,
  makeFolders,
  operationEnd,
  startApp,
  tearDown,
} from '../fixture.js';

interface Context {
  folders: Folders;
  app: App;
}

const test = suite<Context>('REST waiting');

test.before.each(async (context) => {
  context.folders = await makeFolders();
  context.app = await startApp(context.folders);
});

test.after.each(({ folders, app }) => tearDown(folders, app));

/** Never ends by itself. */
function beginForever({ services: { store } }: App, id: string): void {
  store.durably(() => store.operations.insert({ id, kind: 'start', machineId: 'none' }));
}

function finish({ services: { store } }: App, id: string): void {
  store.durably(() => {
    store.operations.finish(id, 'succeeded', null);
    const data = { operation: id, kind: 'start', state: 'succeeded', code: null } as const;
    store.emit({ type: 'baton.operation.finished', subject: 'machines/none', data });
  });
}

test('an action that is waited for answers 200 with its end, and the next one can follow at once', async ({
  app,
  folders,
}) => {
  const id = await createMachine(app, folders);
  const start = await call(app, 'POST', `/v1/machines/${id}/start?wait=30s`);
  assert.is(start.status, 200, JSON.stringify(start.body));
  assert.is(start.body.state, 'succeeded');
  assert.is(start.headers.location, `/v1/operations/${start.body.id}`);
  const upgrade = await call(app, 'POST', `/v1/machines/${id}/upgrade?wait=60s`, {});
  assert.is(upgrade.body.state, 'succeeded', JSON.stringify(upgrade.body));
  assert.equal([upgrade.body.phase, upgrade.body.pointOfNoReturn], ['succeeded', 'passed']);
  assert.is(upgrade.body.cancellable, false);
  const stop = await call(app, 'POST', `/v1/machines/${id}/stop?wait=30s`, { powerdownMs: 0 });
  assert.is(stop.body.state, 'succeeded', JSON.stringify(stop.body));
  assert.is((await call(app, 'GET', `/v1/machines/${id}`)).body.state, 'stopped');
  const again = await call(app, 'POST', `/v1/machines/${id}/stop?wait=1s`);
  assert.equal([again.status, again.body.state], [200, 'succeeded']);
});

test('without wait the answer is 202, also when there was nothing to do', async ({ app, folders }) => {
  const id = await createMachine(app, folders);
  const { status, body } = await call(app, 'POST', `/v1/machines/${id}/stop`);
  assert.equal([status, body.state], [202, 'succeeded']);
});

test('what is suspended and restored of the whole host is waited for as a whole', async ({
  app,
  folders,
}) => {
  await createRunning(app, folders);
  const suspended = await call(app, 'POST', '/v1/host/suspend?wait=60s');
  assert.is(suspended.status, 200, JSON.stringify(suspended.body));
  assert.equal(
    suspended.body.operations.map(({ state }: { state: string }) => state),
    ['succeeded'],
  );
  assert.is((await call(app, 'POST', '/v1/host/restore?wait=60s')).body.operations[0].state, 'succeeded');
});

test('an end is told at once to all that wait for it, and to nobody else', async ({ app }) => {
  beginForever(app, 'a');
  beginForever(app, 'b');
  const waiting = [1, 2, 3].map(() => call(app, 'GET', '/v1/operations/a?wait=30s'));
  const other = call(app, 'GET', '/v1/operations/b?wait=1s');
  await new Promise((resolve) => setImmediate(resolve));
  finish(app, 'a');
  for (const { status, body } of await within(Promise.all(waiting), 5_000, 'the three answers')) {
    assert.equal([status, body.state], [200, 'succeeded']);
  }
  const { status, body } = await other;
  assert.equal([status, body.state], [202, 'running']);
});

test('what has ended before is answered at once', async ({ app }) => {
  beginForever(app, 'a');
  finish(app, 'a');
  const answer = await within(call(app, 'GET', '/v1/operations/a?wait=5m'), 5_000, 'the answer');
  assert.is(answer.status, 200);
});

/** The status of an answer over a socket: a daemon that stops waits for those that have one. */
function statusOver(socketPath: string, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    get({ socketPath, path }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    }).on('error', reject);
  });
}

test('a daemon that stops answers those that wait, and is not held up by them', async ({ app, folders }) => {
  beginForever(app, 'a');
  const socket = `${folders.path}/rest.sock`;
  await app.server.listen({ path: socket });
  const arrived = new Promise((resolve) => app.server.server.once('request', resolve));
  const waiting = statusOver(socket, '/v1/operations/a?wait=5m');
  await within(arrived, 5_000, 'the request');
  await within(app.close(15_000), 10_000, 'the daemon to stop');
  assert.is(await within(waiting, 5_000, 'the answer'), 202);
  app.close = async () => undefined;
});

test('a client that leaves is not waited for', async ({ app, folders }) => {
  beginForever(app, 'a');
  const socket = `${folders.path}/rest.sock`;
  await app.server.listen({ path: socket });
  const arrived = new Promise((resolve) => app.server.server.once('request', resolve));
  const request = get({ socketPath: socket, path: '/v1/operations/a?wait=5m' }).on('error', () => undefined);
  await within(arrived, 5_000, 'the request');
  request.destroy();
  const connections = () =>
    new Promise<number>((resolve) => app.server.server.getConnections((_, count) => resolve(count)));
  await waitFor(async () => (await connections()) === 0, { what: 'the connection to be gone' });
  await within(app.close(15_000), 10_000, 'the daemon to stop');
  app.close = async () => undefined;
});

test('an upgrade that is waited for by its own path is answered with its end', async ({ app, folders }) => {
  const id = await createRunning(app, folders);
  const { body } = await call(app, 'POST', `/v1/machines/${id}/upgrade`, {});
  const { status, body: upgrade } = await call(app, 'GET', `${body.upgrade}?wait=60s`);
  assert.equal([status, upgrade.state], [200, 'succeeded']);
  await operationEnd(app, upgrade.operation);
});

async function auditOf(app: App, route: string): Promise<{ status: number; time: string }[]> {
  const { body } = await call(app, 'GET', '/v1/audit?limit=1000');
  return body.entries.filter((entry: { route: string }) => entry.route === route);
}

test('the audit tells what is waited for when it was begun, before it has ended, and once', async ({
  app,
  folders,
}) => {
  const id = await createMachine(app, folders);
  const { status, body } = await call(app, 'POST', `/v1/machines/${id}/start?wait=30s`);
  assert.equal([status, body.state], [200, 'succeeded']);
  const [told, ...more] = await auditOf(app, '/v1/machines/:machine/start');
  assert.equal([told?.status, more], [202, []]);
  assert.ok(String(told?.time) < body.finishedAt, `${told?.time} ${body.finishedAt}`);
});

test('the audit tells nothing of a read that waits', async ({ app, folders }) => {
  const id = await createMachine(app, folders);
  const { body } = await call(app, 'POST', `/v1/machines/${id}/stop`);
  assert.is((await call(app, 'GET', `/v1/operations/${body.id}?wait=1s`)).status, 200);
  assert.equal(await auditOf(app, '/v1/operations/:id'), []);
});

test.run();

const refusals = suite<Context>('REST waiting refuses');

refusals.before(async (context) => {
  context.folders = await makeFolders();
  context.app = await startApp(context.folders);
});

refusals.after(({ folders, app }) => tearDown(folders, app));

for (const [index, wait] of [
  '',
  '0s',
  '500ms',
  '301s',
  '6m',
  '30',
  's',
  '-1s',
  '1h',
  '1.5s',
  '30s&wait=30s',
].entries()) {
  refusals(`wait=${wait} is refused, and nothing is begun`, async ({ app, folders }) => {
    const id = await createMachine(app, folders, `m${index}`);
    const { status, body } = await call(app, 'POST', `/v1/machines/${id}/start?wait=${wait}`);
    assert.equal([status, body.code], [400, 'invalid_request'], JSON.stringify(body));
    assert.equal((await call(app, 'GET', `/v1/operations?machine=${id}`)).body.operations, []);
  });
}

refusals.run();
