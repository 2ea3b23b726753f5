/** What is only tried out: everything is checked, nothing is changed. And the log of an instance. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import {
  call,
  createMachine,
  createRunning,
  type Folders,
  makeFolders,
  perform,
  registerFake,
  startApp,
  tearDown,
  vmmPids,
} from '../fixture.js';

interface Context {
  folders: Folders;
  app: App;
}

const test = suite<Context>('REST dry runs');

test.before.each(async (context) => {
  context.folders = await makeFolders();
  context.app = await startApp(context.folders);
});

test.after.each(({ folders, app }) => tearDown(folders, app));

const MACHINE = { name: 'one', memoryMiB: 32, kernel: '/kernel', labels: { env: 'test' } };

/** All that a dry run must leave as it was. */
async function everything(app: App): Promise<unknown> {
  const { events } = (await call(app, 'GET', '/v1/events')).body;
  const { machines } = (await call(app, 'GET', '/v1/machines')).body;
  const { operations } = (await call(app, 'GET', '/v1/operations')).body;
  return { events, machines, operations };
}

test('a machine that is only tried out is shown as it would be, and is not there', async ({ app }) => {
  const before = await everything(app);
  const { status, body, headers } = await call(app, 'POST', '/v1/machines?dryRun=true', MACHINE);
  assert.is(status, 200, JSON.stringify(body));
  assert.equal([body.name, body.spec.machineType, body.labels.env], ['one', 'virt', 'test']);
  assert.equal([headers.location, headers.etag], [undefined, undefined]);
  assert.equal(await everything(app), before);
  const meant = await call(app, 'POST', '/v1/machines?dryRun=false', MACHINE);
  assert.is(meant.status, 201);
  assert.equal(
    { ...meant.body, id: body.id, createdAt: 0, updatedAt: 0 },
    { ...body, createdAt: 0, updatedAt: 0 },
  );
});

test('what would be refused is refused when it is tried out', async ({ app }) => {
  await call(app, 'POST', '/v1/machines', MACHINE);
  const before = await everything(app);
  for (const [document, status, code] of [
    [MACHINE, 409, 'machine_name_taken'],
    [{ ...MACHINE, name: 'two', memoryMiB: 100_000 }, 422, 'machine_not_valid'],
    [{ ...MACHINE, name: 'two', build: 'none' }, 404, 'build_not_found'],
    [{ ...MACHINE, name: 'two', memory: 1 }, 400, 'invalid_request'],
  ] as const) {
    const { status: got, body } = await call(app, 'POST', '/v1/machines?dryRun=true', document);
    assert.equal([got, body.code], [status, code]);
  }
  const strange = await call(app, 'POST', '/v1/machines?dryRun=perhaps', { ...MACHINE, name: 'two' });
  assert.is(strange.status, 400);
  assert.equal(await everything(app), before);
});

test('a change that is only tried out is shown as it would be, and not made', async ({ app }) => {
  const { id } = (await call(app, 'POST', '/v1/machines', MACHINE)).body;
  const before = await everything(app);
  const url = `/v1/machines/${id}`;
  const larger = await call(app, 'PATCH', `${url}?dryRun=true`, { memoryMiB: 64 });
  assert.equal([larger.status, larger.body.spec.memoryMiB, larger.body.revision], [200, 64, 2]);
  const labelled = await call(app, 'PATCH', `${url}?dryRun=true`, { labels: {} });
  assert.equal([labelled.status, labelled.body.labels], [200, {}]);
  const pin = app.services.builds.ownId;
  const pinned = await call(app, 'PUT', `${url}/builds?dryRun=true`, { pin });
  assert.equal([pinned.status, pinned.body.builds.pin], [200, pin]);
  assert.is((await call(app, 'PATCH', `${url}?dryRun=true`, { vcpus: 4 })).body.code, 'machine_not_valid');
  assert.equal(await everything(app), before);
});

test('an upgrade that is only tried out is answered with what preflight says', async ({ app, folders }) => {
  const id = await createRunning(app, folders);
  const before = await everything(app);
  const { status, body } = await call(app, 'POST', `/v1/machines/${id}/upgrade?dryRun=true`, {});
  assert.equal([status, body.mode, body.machine], [200, 'cpr-transfer', id], JSON.stringify(body));
  const other = await registerFake(app, folders, 'rejects-rehearsal');
  const bad = await call(app, 'POST', `/v1/machines/${id}/upgrade?dryRun=true`, { build: other });
  assert.equal([bad.status, bad.body.verdict], [200, 'needs-cold-restart'], JSON.stringify(bad.body));
  const { machines, operations } = (await everything(app)) as typeof before & Record<string, unknown>;
  const was = before as Record<string, unknown>;
  assert.equal({ machines, operations }, { machines: was.machines, operations: was.operations });
  assert.is(vmmPids(folders).length, 1);
});

test('the log of an instance is what its VMM wrote', async ({ app, folders }) => {
  await call(app, 'POST', '/v1/machines', MACHINE);
  const { body: failed } = await call(app, 'POST', '/v1/machines/one/start?wait=30s');
  assert.is(failed.state, 'failed');
  const log = await call(app, 'GET', '/v1/machines/one/instances/1/log');
  assert.equal([log.status, log.headers['content-type']], [200, 'text/plain; charset=utf-8']);
  assert.match(log.body, /\/kernel/);
  const id = await createMachine(app, folders);
  await perform(app, `/v1/machines/${id}/start`);
  assert.is((await call(app, 'GET', `/v1/machines/${id}/instances/1/log`)).status, 200);
  const none = await call(app, 'GET', `/v1/machines/${id}/instances/9/log`);
  assert.equal([none.status, none.body.code], [404, 'instance_not_found']);
  assert.is((await call(app, 'GET', `/v1/machines/${id}/instances/x/log`)).status, 400);
});

test.run();
