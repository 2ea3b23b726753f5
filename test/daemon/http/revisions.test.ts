/** Revisions of machines and their tags: who edits what somebody else has edited meanwhile is told. No VMM is started. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import type { Answer } from '../fixture.js';
import { type Folders, makeFolders, startApp, tearDown } from '../fixture.js';

interface Context {
  folders: Folders;
  app: App;
  id: string;
  number: number;
}

const test = suite<Context>('REST revisions');

test.before(async (context) => {
  context.folders = await makeFolders();
  context.app = await startApp(context.folders);
  context.number = 0;
});

test.before.each(async (context) => {
  context.number += 1;
  const document = { name: `m${context.number}`, memoryMiB: 32, kernel: '/kernel' };
  context.id = (await ask(context.app, 'POST', '/v1/machines', {}, document)).body.id;
});

test.after(({ folders, app }) => tearDown(folders, app));

async function ask(
  { server }: App,
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  url: string,
  headers: Record<string, string> = {},
  payload?: object,
): Promise<Answer> {
  const response = await server.inject({ method, url, headers, ...(payload && { payload }) });
  const body = response.body === '' ? null : response.json();
  return { status: response.statusCode, headers: response.headers, body };
}

test('a machine begins at revision 1, and each change of its document is the next', async ({ app, id }) => {
  const url = `/v1/machines/${id}`;
  const created = await ask(app, 'GET', url);
  assert.equal([created.body.revision, created.headers.etag], [1, '"1"']);
  const larger = await ask(app, 'PATCH', url, {}, { memoryMiB: 64 });
  assert.equal([larger.body.revision, larger.headers.etag], [2, '"2"']);
  const denied = await ask(app, 'PUT', `${url}/builds`, {}, { deny: [] });
  assert.is(denied.body.revision, 2, 'nothing was changed');
  const pinned = await ask(app, 'PUT', `${url}/builds`, {}, { pin: app.services.builds.ownId });
  assert.equal([pinned.body.revision, pinned.headers.etag], [3, '"3"']);
  const same = await ask(app, 'PATCH', url, {}, { memoryMiB: 64 });
  assert.is(same.body.revision, 3, 'nothing was changed');
});

test('what the machine does does not change its revision', async ({ app, id }) => {
  const { store } = app.services;
  store.durably(() => store.machines.update(id, { state: 'crashed', stateReason: 'for the test' }));
  const { body, headers } = await ask(app, 'GET', `/v1/machines/${id}`);
  assert.equal([body.state, body.revision, headers.etag], ['crashed', 1, '"1"']);
});

test('a client that has the document already is told so without it', async ({ app, id }) => {
  const url = `/v1/machines/${id}`;
  for (const known of ['"1"', 'W/"1"', '"7", "1"', '*']) {
    const { status, headers, body } = await ask(app, 'GET', url, { 'if-none-match': known });
    assert.equal([status, headers.etag, body], [304, '"1"', null], known);
  }
  assert.is((await ask(app, 'GET', url, { 'if-none-match': '"2"' })).status, 200);
});

test('a change of what was read is made, one of what was changed since is not', async ({ app, id }) => {
  const url = `/v1/machines/${id}`;
  const first = await ask(app, 'PATCH', url, { 'if-match': '"1"' }, { memoryMiB: 64 });
  assert.equal([first.status, first.body.revision], [200, 2]);
  for (const stale of ['"1"', 'W/"2"', '"1", "3"']) {
    const { status, body } = await ask(app, 'PATCH', url, { 'if-match': stale }, { memoryMiB: 128 });
    assert.equal([status, body.code, body.revision], [412, 'precondition_failed', 2], stale);
    assert.is((await ask(app, 'PUT', `${url}/builds`, { 'if-match': stale }, { deny: [] })).status, 412);
    assert.is((await ask(app, 'DELETE', url, { 'if-match': stale })).status, 412);
  }
  assert.is((await ask(app, 'GET', url)).body.spec.memoryMiB, 64);
  assert.is((await ask(app, 'PUT', `${url}/builds`, { 'if-match': '"1", "2"' }, { deny: [] })).status, 200);
  assert.is((await ask(app, 'DELETE', url, { 'if-match': '*' })).status, 204);
  assert.is((await ask(app, 'DELETE', url, { 'if-match': '*' })).status, 404);
});

test('a tag that is none is refused, and nothing is changed', async ({ app, id }) => {
  const url = `/v1/machines/${id}`;
  for (const tag of ['1', '"1', 'w/"1"', '"1" "2"', '', '"1",']) {
    const { status, body } = await ask(app, 'PATCH', url, { 'if-match': tag }, { memoryMiB: 64 });
    assert.equal([status, body.code], [400, 'invalid_request'], tag);
  }
  assert.is((await ask(app, 'GET', url, { 'if-none-match': '1' })).status, 400);
  assert.is((await ask(app, 'GET', url)).body.revision, 1);
});

test('labels are given, found by, changed while it runs, and cleared', async ({ app, id }) => {
  const labels = { env: 'production', 'team/owner': '' };
  const created = await ask(
    app,
    'POST',
    '/v1/machines',
    {},
    { name: `l-${id}`, memoryMiB: 32, kernel: '/k', labels },
  );
  assert.equal(created.body.labels, labels);
  const { store } = app.services;
  store.durably(() => store.machines.update(id, { state: 'running' }));
  const labelled = await ask(app, 'PATCH', `/v1/machines/${id}`, {}, { labels: { env: 'test', rack: 'b7' } });
  assert.equal([labelled.status, labelled.body.revision], [200, 2]);
  const both = await ask(app, 'PATCH', `/v1/machines/${id}`, {}, { labels: {}, memoryMiB: 64 });
  assert.equal([both.status, both.body.code], [409, 'wrong_state']);
  const found = async (label: string) => {
    const { status, body } = await ask(app, 'GET', `/v1/machines?label=${encodeURIComponent(label)}`);
    assert.is(status, 200, JSON.stringify(body));
    return body.machines.map((machine: { id: string }) => machine.id);
  };
  assert.equal(await found('env'), [id, created.body.id]);
  assert.equal(await found('env=test'), [id]);
  assert.equal(await found('env=test,rack=b7'), [id]);
  assert.equal(await found('env=production,rack'), []);
  assert.equal(await found('team/owner='), [created.body.id]);
  const cleared = await ask(app, 'PATCH', `/v1/machines/${id}`, {}, { labels: null });
  assert.equal(cleared.body.labels, {});
  for (const refused of [{ '-x': 'y' }, { x: 'a b' }, { x: 1 }, { x: null }, []]) {
    const { status } = await ask(app, 'PATCH', `/v1/machines/${id}`, {}, { labels: refused });
    assert.is(status, 400, JSON.stringify(refused));
  }
  store.durably(() => store.machines.update(id, { state: 'stopped' }));
});

test.run();
