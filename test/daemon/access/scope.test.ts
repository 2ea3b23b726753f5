/** A token that is limited to machines: the others are not there, and what is about the host is refused. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import { within } from '../../helpers/wait.js';
import { call, createMachine, type Folders, makeFolders, perform, startApp, tearDown } from '../fixture.js';

interface Context {
  folders: Folders;
  app: App;
  mine: string;
  other: string;
  token: string;
}

const test = suite<Context>('tokens limited to machines');

test.before(async (context) => {
  context.folders = await makeFolders();
  const { folders } = context;
  context.app = await startApp(folders);
  const { app } = context;
  context.mine = await createMachine(app, folders, 'mine');
  context.other = await createMachine(app, folders, 'other');
  for (const id of [context.mine, context.other]) await perform(app, `/v1/machines/${id}/kill`);
  /* By name; what is meant stays the same machine. */
  const token = { name: 'limited', role: 'operator', machines: ['mine'] };
  const { body } = await call(app, 'POST', '/v1/tokens', token);
  assert.equal(body.machines, [context.mine]);
  context.token = body.token;
});

test.after(({ folders, app }) => tearDown(folders, app));

async function ask(
  { app, token }: Context,
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  url: string,
  payload?: object,
) {
  const response = await app.server.inject({
    method,
    url,
    headers: { authorization: `Bearer ${token}` },
    ...(payload === undefined ? {} : { payload }),
  });
  return { status: response.statusCode, body: response.body === '' ? null : response.json() };
}

test('lists have what is of its machines', async (context) => {
  const { mine, other } = context;
  const machines = await ask(context, 'GET', '/v1/machines');
  assert.equal(
    machines.body.machines.map(({ id }: { id: string }) => id),
    [mine],
  );
  for (const query of ['', `?machine=${other}`, `?machine=${mine}`]) {
    const operations = await ask(context, 'GET', `/v1/operations${query}`);
    const owners = operations.body.operations.map(({ machine }: { machine: string }) => machine);
    assert.equal(owners, query.includes(other) ? [] : [mine], query);
  }
  assert.is((await ask(context, 'GET', '/v1/upgrades')).status, 200);
  const { events } = (await ask(context, 'GET', '/v1/events')).body;
  assert.ok(events.length > 0);
  assert.ok(events.every(({ subject }: { subject: string }) => subject === `machines/${mine}`));
  assert.equal((await ask(context, 'GET', `/v1/events?machine=${other}`)).body.events, []);
});

test('another machine is not there, as one that never was', async (context) => {
  const { other, app } = context;
  const [operation] = (await call(app, 'GET', `/v1/operations?machine=${other}`)).body.operations;
  for (const path of [
    `machines/${other}`,
    'machines/other',
    `machines/${other}/instances`,
    `machines/other/guest`,
  ]) {
    const { status, body } = await ask(context, 'GET', `/v1/${path}`);
    const never = await ask(context, 'GET', `/v1/${path.replace(/other|[0-9a-f-]{36}/, 'never')}`);
    assert.equal([status, body.code], [404, 'machine_not_found'], path);
    assert.equal([never.status, never.body.code, never.body.title], [404, body.code, body.title]);
  }
  assert.is((await ask(context, 'POST', '/v1/machines/other/start')).status, 404);
  assert.is((await ask(context, 'DELETE', '/v1/machines/other')).status, 404);
  assert.is((await ask(context, 'GET', '/v1/events?machine=other')).status, 404);
  assert.is((await ask(context, 'GET', `/v1/operations/${operation.id}`)).body.code, 'operation_not_found');
  assert.is(
    (await ask(context, 'POST', `/v1/operations/${operation.id}/cancel`)).body.code,
    'operation_not_found',
  );
});

test('a machine that is renamed while the body comes is still the one that was asked for', async (context) => {
  const { app, folders, mine, other, token } = context;
  const socketPath = `${folders.path}/scope.sock`;
  await app.server.listen({ path: socketPath });
  const rename = async (id: string, name: string) =>
    assert.is((await call(app, 'PATCH', `/v1/machines/${id}`, { name })).status, 200);
  const body = JSON.stringify({ labels: { late: 'yes' } });
  const outgoing = request({
    ...{ socketPath, method: 'PATCH', path: '/v1/machines/mine', agent: false },
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'content-length': body.length,
      expect: '100-continue',
    },
  });
  outgoing.flushHeaders();
  await within(once(outgoing, 'continue'), 5_000, 'the invitation to send the body');
  await rename(mine, 'was-mine');
  await rename(other, 'mine');
  outgoing.end(body);
  const [response] = (await within(once(outgoing, 'response'), 5_000, 'an answer')) as [IncomingMessage];
  response.resume();
  assert.is(response.statusCode, 200);
  await rename(other, 'other');
  await rename(mine, 'mine');
  const labels = async (id: string) => (await call(app, 'GET', `/v1/machines/${id}`)).body.labels;
  assert.equal([(await labels(mine)).late, (await labels(other)).late], ['yes', undefined]);
});

test('an upgrade of another machine is not there', async (context) => {
  const { app, mine, other } = context;
  const { store } = app.services;
  const build = app.services.builds.ownId;
  store.durably(() => {
    for (const machineId of [mine, other]) {
      store.operations.insert({ id: `of-${machineId}`, kind: 'upgrade', machineId });
      store.operations.finish(`of-${machineId}`, 'cancelled', null);
      store.upgrades.insert({
        id: `of-${machineId}`,
        machineId,
        mode: 'cpr-transfer',
        modeReason: '',
        sourceGeneration: 1,
        targetGeneration: 2,
        sourceBuild: build ?? '',
        targetBuild: build ?? '',
        wasRunning: true,
        guest: { notify: false, freeze: false, reason: null },
      });
      store.upgrades.finish(`of-${machineId}`, 'cancelled', null);
    }
  });
  const { upgrades } = (await ask(context, 'GET', '/v1/upgrades')).body;
  assert.equal(
    upgrades.map(({ machine }: { machine: string }) => machine),
    [mine],
  );
  assert.is((await ask(context, 'GET', `/v1/upgrades/of-${mine}`)).status, 200);
  assert.is((await ask(context, 'GET', `/v1/upgrades/of-${other}`)).body.code, 'upgrade_not_found');
});

test('what is its own it may run, and may not rebuild or delete', async (context) => {
  const { mine } = context;
  assert.is((await ask(context, 'POST', `/v1/machines/${mine}/kill`)).status, 202);
  assert.is((await ask(context, 'PATCH', `/v1/machines/${mine}`, { labels: { a: 'b' } })).status, 200);
  const disk = { disks: [{ path: '/etc/shadow', format: 'raw' }] };
  for (const [method, payload] of [
    ['PATCH', disk],
    ['DELETE', undefined],
  ] as const) {
    const { status, body } = await ask(context, method, `/v1/machines/${mine}`, payload);
    assert.equal([status, body.code], [403, 'forbidden']);
    assert.match(body.detail, 'limited is limited to machines');
  }
});

test('whatever is not below a machine and does not say otherwise is refused', async (context) => {
  const { app } = context;
  const unsaid = app.server.routeRights.filter(
    ({ url, scoped, role }) => !scoped && !url.includes(':machine') && role !== 'anyone',
  );
  assert.ok(unsaid.length > 5);
  for (const { method, url } of unsaid) {
    const { statusCode } = await app.server.inject({
      method: method as 'GET',
      url: url.replaceAll(/:[a-z]+/g, 'none'),
      headers: { authorization: `Bearer ${context.token}` },
    });
    assert.is(statusCode, 403, `${method} ${url}`);
  }
});

test('an admin cannot be limited to machines', async ({ app }) => {
  const { status, body } = await call(app, 'POST', '/v1/tokens', {
    name: 'a',
    role: 'admin',
    machines: ['mine'],
  });
  assert.equal([status, body.code], [400, 'invalid_request']);
});

test('extra arguments, given or there already, are for admins', async ({ app, folders }) => {
  const { body } = await call(app, 'POST', '/v1/tokens', { name: 'operator', role: 'operator' });
  const as = (method: 'POST' | 'PATCH' | 'DELETE', url: string, payload?: object) =>
    app.server.inject({
      method,
      url,
      headers: { authorization: `Bearer ${body.token}` },
      ...(payload === undefined ? {} : { payload }),
    });
  const plain = { name: 'plain', memoryMiB: 32, kernel: folders.kernel };
  const extra = { extraArguments: ['-no-reboot'] };
  assert.is((await as('POST', '/v1/machines', { ...plain, ...extra })).statusCode, 403);
  assert.is((await as('POST', '/v1/machines', plain)).statusCode, 201);
  assert.is((await as('PATCH', '/v1/machines/plain', extra)).statusCode, 403);
  const { store } = app.services;
  const machine = store.machines.byName('plain');
  assert.ok(machine);
  store.durably(() => store.machines.update(machine.id, { spec: { ...machine.spec, ...extra } }));
  assert.is((await as('PATCH', '/v1/machines/plain', { memoryMiB: 64 })).statusCode, 403);
  assert.is((await as('PATCH', '/v1/machines/plain', { extraArguments: null })).statusCode, 403);
  assert.is((await as('DELETE', '/v1/machines/plain')).statusCode, 403);
  assert.is((await call(app, 'DELETE', '/v1/machines/plain')).status, 204);
});

test.run();
