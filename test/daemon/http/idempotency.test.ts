/** Requests with a key: done once, however often they are asked for, also across the death of a daemon. */
import { request } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import { IdempotencyStore } from '../../../daemon/store/idempotency.js';
import { Store } from '../../../daemon/store/store.js';
import { tempDir } from '../../helpers/temp-dir.js';
import {
  type Answer,
  call,
  createMachine,
  type Folders,
  makeFolders,
  startApp,
  tearDown,
} from '../fixture.js';

interface Context {
  folders: Folders;
  app: App;
}

const test = suite<Context>('REST idempotency');

test.before.each(async (context) => {
  context.folders = await makeFolders();
  context.app = await startApp(context.folders);
});

test.after.each(({ folders, app }) => tearDown(folders, app));

async function post({ server }: App, url: string, key: string, payload?: object): Promise<Answer> {
  const headers = { 'idempotency-key': key };
  const response = await server.inject({ method: 'POST', url, headers, ...(payload && { payload }) });
  const body = response.body === '' ? null : response.json();
  return { status: response.statusCode, headers: response.headers, body };
}

const MACHINE = { name: 'one', memoryMiB: 32, kernel: '/kernel' };

async function restarted(context: Context): Promise<App> {
  await context.app.close(15_000);
  context.app = await startApp(context.folders);
  return context.app;
}

test('a token that has the name of one that was revoked is not answered what that one was', async ({
  app,
}) => {
  const withNewToken = async () => {
    const { body } = await call(app, 'POST', '/v1/tokens', { name: 'ci', role: 'operator' });
    const headers = { 'idempotency-key': 'k', authorization: `Bearer ${body.token}` };
    const { statusCode } = await app.server.inject({
      ...{ method: 'POST', url: '/v1/machines', headers, payload: MACHINE },
    });
    await call(app, 'DELETE', `/v1/tokens/${body.id}`);
    return statusCode;
  };
  assert.equal([await withNewToken(), await withNewToken()], [201, 409]);
});

test('the same request with the same key is done once and answered alike', async ({ app }) => {
  const first = await post(app, '/v1/machines', 'k', MACHINE);
  assert.is(first.status, 201);
  assert.is(first.headers['idempotency-replayed'], undefined);
  const again = await post(app, '/v1/machines', 'k', MACHINE);
  assert.equal([again.status, again.body], [201, first.body]);
  assert.is(again.headers['idempotency-replayed'], 'true');
  for (const name of ['location', 'etag', 'content-type'])
    assert.is(again.headers[name], first.headers[name]);
  assert.is((await call(app, 'GET', '/v1/machines')).body.machines.length, 1);
});

test('an answer without a body is answered alike too', async ({ app }) => {
  const { body } = await post(app, '/v1/machines', 'k', MACHINE);
  const { store } = app.services;
  const adopted = { args: [], folder: '/' };
  store.durably(() => store.machines.update(body.id, { adopted, state: 'running' }));
  const first = await post(app, `/v1/machines/${body.id}/release`, 'r');
  assert.equal([first.status, first.body], [204, null], JSON.stringify(first.body));
  const again = await post(app, `/v1/machines/${body.id}/release`, 'r');
  assert.equal([again.status, again.body, again.headers['idempotency-replayed']], [204, null, 'true']);
});

test('a key that was used for another request is refused', async ({ app }) => {
  await post(app, '/v1/machines', 'k', MACHINE);
  for (const [url, body] of [
    ['/v1/machines', { ...MACHINE, name: 'two' }],
    ['/v1/machines/one/start', undefined],
  ] as const) {
    const { status, body: problem } = await post(app, url, 'k', body);
    assert.equal([status, problem.code], [422, 'idempotency_key_reused']);
  }
  assert.equal((await call(app, 'GET', '/v1/operations')).body.operations, []);
});

test('a request that comes while the first is being done is refused, not done', async ({ app, folders }) => {
  const id = await createMachine(app, folders);
  const url = `/v1/machines/${id}/start?wait=30s`;
  const first = post(app, url, 'k');
  const second = await post(app, url, 'k');
  assert.equal([second.status, second.body.code], [409, 'idempotency_key_in_use']);
  const { status, body } = await first;
  assert.equal([status, body.state], [200, 'succeeded']);
  assert.equal((await post(app, url, 'k')).body, body);
  assert.is((await call(app, 'GET', '/v1/operations')).body.operations.length, 1);
});

test('after a problem the key is free: nothing was begun', async ({ app }) => {
  await post(app, '/v1/machines', 'a', MACHINE);
  assert.is((await post(app, '/v1/machines', 'b', MACHINE)).body.code, 'machine_name_taken');
  assert.is((await post(app, '/v1/machines', 'b', { ...MACHINE, name: 'two' })).status, 201);
  assert.is((await post(app, '/v1/machines', 'c', { ...MACHINE, memoryMiB: 0 })).status, 400);
  assert.is((await post(app, '/v1/machines', 'c', { ...MACHINE, name: 'three' })).status, 201);
});

test('answers survive the daemon', async (context) => {
  const first = await post(context.app, '/v1/machines', 'k', MACHINE);
  const app = await restarted(context);
  const again = await post(app, '/v1/machines', 'k', MACHINE);
  assert.equal([again.status, again.body, again.headers['idempotency-replayed']], [201, first.body, 'true']);
});

/** As if the daemon died at the moment at which it would have written the answer. */
function dieBeforeAnswers({ services }: App): void {
  services.store.idempotency.answer = () => {
    throw new Error('the daemon is dead');
  };
}

test('what a daemon that died had made is the answer of the next one', async (context) => {
  dieBeforeAnswers(context.app);
  const created = await post(context.app, '/v1/machines', 'm', MACHINE);
  const stopped = await post(context.app, '/v1/machines/one/stop', 's');
  const app = await restarted(context);
  const machine = await post(app, '/v1/machines', 'm', MACHINE);
  assert.equal([machine.status, machine.body.id], [201, created.body.id]);
  assert.equal(
    [machine.headers.location, machine.headers['idempotency-replayed']],
    [created.headers.location, 'true'],
  );
  const stop = await post(app, '/v1/machines/one/stop', 's');
  assert.equal([stop.status, stop.body], [202, stopped.body]);
  assert.is(stop.headers.location, stopped.headers.location);
  assert.is((await call(app, 'GET', '/v1/operations')).body.operations.length, 1);
  assert.is((await post(app, '/v1/machines', 'm', { ...MACHINE, name: 'two' })).status, 422);
});

test('what a daemon that died had not begun is done by the next one', async (context) => {
  const { idempotency } = context.app.services.store;
  dieBeforeAnswers(context.app);
  idempotency.made = () => undefined;
  await post(context.app, '/v1/machines', 'k', MACHINE);
  context.app.services.store.durably(() => {
    const { machines } = context.app.services.store;
    machines.delete(machines.byName('one')?.id as string);
  });
  const app = await restarted(context);
  const { status, headers } = await post(app, '/v1/machines', 'k', MACHINE);
  assert.equal([status, headers['idempotency-replayed']], [201, undefined]);
});

test('what was asked of all machines is done again by the next daemon', async (context) => {
  dieBeforeAnswers(context.app);
  assert.is((await post(context.app, '/v1/host/suspend', 'k')).status, 202);
  const app = await restarted(context);
  const { status, headers } = await post(app, '/v1/host/suspend', 'k');
  assert.equal([status, headers['idempotency-replayed']], [202, undefined]);
  assert.is((await post(app, '/v1/host/suspend', 'k')).headers['idempotency-replayed'], 'true');
});

test("keys are each client's own", async ({ app, folders }) => {
  await post(app, '/v1/machines', 'k', MACHINE);
  const socketPath = `${folders.path}/rest.sock`;
  await app.server.listen({ path: socketPath });
  const headers = { 'idempotency-key': 'k', 'content-type': 'application/json' };
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const options = { socketPath, path: '/v1/machines', method: 'POST', headers, agent: false };
    request(options, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on('error', reject)
      .end(JSON.stringify({ ...MACHINE, name: 'two' }));
  });
  assert.is(status, 201);
});

test('a key that is none is refused, and a key on what changes nothing is nothing', async ({ app }) => {
  for (const key of ['', ' ', 'a b', 'x'.repeat(256), 'ключ']) {
    const { status } = await post(app, '/v1/machines', key, MACHINE);
    assert.is(status, 400, key);
  }
  assert.is((await post(app, '/v1/machines', 'x'.repeat(255), MACHINE)).status, 201);
  const { server } = app;
  const headers = { 'idempotency-key': 'x' };
  for (let n = 0; n < 2; n += 1) {
    const { headers: answered } = await server.inject({ url: '/v1/machines', headers });
    assert.is(answered['idempotency-replayed'], undefined);
  }
});

test('of an answer that is too large to be kept, what was made is shown', async ({ app }) => {
  const labels = Object.fromEntries(Array.from({ length: 32 }, (_, n) => [`label${n}`, 'x'.repeat(63)]));
  const large = {
    ...MACHINE,
    labels,
    extraArguments: Array.from({ length: 8 }, () => `-${'y'.repeat(400)}`),
  };
  const first = await post(app, '/v1/machines', 'k', large);
  assert.is(first.status, 201, JSON.stringify(first.body));
  assert.ok(JSON.stringify(first.body).length > 4_096);
  await call(app, 'PATCH', '/v1/machines/one', { name: 'another' });
  const again = await post(app, '/v1/machines', 'k', large);
  assert.equal([again.status, again.body.id, again.body.name], [201, first.body.id, 'another']);
});

test('keys are kept for a day and up to a number for each client', async () => {
  const { path, remove } = await tempDir();
  let nowMs = 1_000;
  const store = new Store({ path: `${path}/s.sqlite`, nowMs: () => nowMs });
  const key = (number: number) => ({ principal: 'unix:a', key: `k${number}` });
  assert.instance(store.idempotency, IdempotencyStore);
  store.quickly(() => store.idempotency.begin(key(0), 'f'));
  nowMs += 24 * 3_600_000 - 1;
  assert.is(store.idempotency.find(key(0))?.fingerprint, 'f');
  nowMs += 1;
  assert.is(store.idempotency.find(key(0)), null);
  const others = { principal: 'unix:b', key: 'k' };
  store.quickly(() => {
    store.idempotency.begin(others, 'g');
    for (let n = 1; n <= 1_001; n += 1) store.idempotency.begin(key(n), 'f');
  });
  assert.is(store.idempotency.find(key(1)), null);
  assert.is(store.idempotency.find(key(2))?.fingerprint, 'f');
  assert.is(store.idempotency.find(others)?.fingerprint, 'g');
  store.close();
  await remove();
});

test('all keys together are kept up to a number too', async () => {
  const { path, remove } = await tempDir();
  const store = new Store({ path: `${path}/s.sqlite`, nowMs: () => 1_000 });
  const key = (number: number) => ({ principal: `unix:${number % 20}`, key: `k${number}` });
  store.quickly(() => {
    for (let n = 1; n <= 10_001; n += 1) store.idempotency.begin(key(n), 'f');
  });
  assert.is(store.idempotency.find(key(1)), null);
  assert.is(store.idempotency.find(key(2))?.fingerprint, 'f');
  store.close();
  await remove();
});

test.run();
