/** What an operator changes of a machine: its document, and the builds that it may run on. */
import { appendFileSync, rmSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import {
  call,
  createMachine,
  createRunning,
  type Folders,
  installVmm,
  makeFolders,
  operationEnd,
  perform,
  startApp,
  tearDown,
  ticksOf,
  upgradeEnd,
} from '../fixture.js';

interface Context {
  folders: Folders;
  app: App;
}

const test = suite<Context>('documents and builds of machines');

test.before.each(async (context) => {
  context.folders = await makeFolders();
  context.app = await startApp(context.folders);
});

test.after.each(({ folders, app }) => tearDown(folders, app));

async function registerAnother(app: App, folders: Folders, name = 'vmm-2'): Promise<string> {
  const path = installVmm(`${folders.path}/${name}`);
  return (await call(app, 'POST', '/v1/builds', { kind: 'baton', path })).body.id;
}

async function machine(app: App, id: string) {
  return (await call(app, 'GET', `/v1/machines/${id}`)).body;
}

const setBuilds = (app: App, id: string, body: object) => call(app, 'PUT', `/v1/machines/${id}/builds`, body);
const change = (app: App, id: string, body: object) => call(app, 'PATCH', `/v1/machines/${id}`, body);

test('the default build follows an upgrade, and what is started next is what ran', async ({
  app,
  folders,
}) => {
  const id = await createRunning(app, folders);
  const own = (await machine(app, id)).build;
  assert.equal((await machine(app, id)).builds, { startsOn: own, default: null, pin: null, deny: [] });
  const other = await registerAnother(app, folders);
  assert.is((await upgradeEnd(app, id, { build: other })).state, 'succeeded');
  assert.equal((await machine(app, id)).builds, { startsOn: other, default: other, pin: null, deny: [] });
  await perform(app, `/v1/machines/${id}/kill`);
  await perform(app, `/v1/machines/${id}/start`);
  assert.is((await machine(app, id)).build, other);
  assert.is((await upgradeEnd(app, id, { build: own })).state, 'succeeded');
  assert.is((await machine(app, id)).builds.default, null);
});

test('an upgrade without a build goes to the default one', async ({ app, folders }) => {
  const id = await createRunning(app, folders);
  const other = await registerAnother(app, folders);
  assert.is((await setBuilds(app, id, { default: other })).status, 200);
  const upgrade = await upgradeEnd(app, id);
  assert.is(upgrade.state, 'succeeded');
  assert.is(upgrade.targetBuild, other);
});

test('a pin holds for starts and upgrades, and does not move with them', async ({ app, folders }) => {
  const id = await createMachine(app, folders);
  const other = await registerAnother(app, folders);
  const third = await registerAnother(app, folders, 'vmm-3');
  await setBuilds(app, id, { pin: other });
  await perform(app, `/v1/machines/${id}/start`);
  assert.is((await machine(app, id)).build, other);
  const refused = await call(app, 'POST', `/v1/machines/${id}/upgrade`, { build: third });
  assert.is(refused.status, 409);
  assert.is(refused.body.code, 'build_pinned');
  assert.match(refused.body.detail, other);
  assert.is((await upgradeEnd(app, id)).targetBuild, other);
  const { builds } = await machine(app, id);
  assert.equal([builds.pin, builds.default, builds.startsOn], [other, null, other]);
});

test('a denied build is refused wherever it would be used', async ({ app, folders }) => {
  const id = await createRunning(app, folders);
  const other = await registerAnother(app, folders);
  const own = (await machine(app, id)).build;
  assert.is((await setBuilds(app, id, { deny: [own, other] })).status, 200);
  const refused = await call(app, 'POST', `/v1/machines/${id}/upgrade`, { build: other });
  assert.is(refused.body.code, 'build_denied');
  assert.is((await call(app, 'POST', `/v1/machines/${id}/upgrade`)).body.code, 'build_denied');
  assert.is((await setBuilds(app, id, { pin: other, deny: [other] })).body.code, 'build_denied');
  assert.is((await setBuilds(app, id, { default: other, deny: [other] })).body.code, 'build_denied');
  assert.equal((await machine(app, id)).builds.deny, [own, other]);
  await perform(app, `/v1/machines/${id}/kill`);
  const { headers } = await call(app, 'POST', `/v1/machines/${id}/start`);
  assert.is((await operationEnd(app, String(headers.location))).error.code, 'build_denied');
});

test('builds that are not there, or in a form that is not known, are refused', async ({ app, folders }) => {
  const id = await createMachine(app, folders);
  for (const body of [{ default: 'none' }, { pin: 'none' }, { deny: ['none'] }]) {
    assert.is((await setBuilds(app, id, body)).body.code, 'build_not_found', JSON.stringify(body));
  }
  for (const body of [{ pinned: null }, { deny: 'x' }, { pin: 1 }, { deny: ['a', 'a'] }, []]) {
    assert.is((await setBuilds(app, id, body)).body.code, 'invalid_request', JSON.stringify(body));
  }
});

test('a default that was replaced at its path is what is there now, also live', async ({ app, folders }) => {
  const other = await registerAnother(app, folders);
  const id = await createRunning(app, folders);
  await setBuilds(app, id, { default: other });
  appendFileSync(`${folders.path}/vmm-2/dist/vmm/main.js`, '\n');
  const upgrade = await upgradeEnd(app, id);
  assert.is(upgrade.state, 'succeeded');
  assert.is.not(upgrade.targetBuild, other);
  assert.is((await machine(app, id)).builds.default, upgrade.targetBuild);
  const named = await upgradeEnd(app, id, { build: other });
  assert.is(named.state, 'rolled-back');
  assert.equal([named.reason.code, named.findings[0].code], ['preflight_blocked', 'build_changed']);
  appendFileSync(`${folders.path}/vmm-2/dist/vmm/main.js`, '\n');
  await perform(app, `/v1/machines/${id}/kill`);
  await perform(app, `/v1/machines/${id}/start`);
  assert.not.ok([other, upgrade.targetBuild].includes((await machine(app, id)).build));
});

test('a default whose files are gone does not start, and says so', async ({ app, folders }) => {
  const other = await registerAnother(app, folders);
  const id = await createMachine(app, folders);
  await setBuilds(app, id, { default: other });
  rmSync(`${folders.path}/vmm-2`, { recursive: true });
  const { headers } = await call(app, 'POST', `/v1/machines/${id}/start`);
  const operation = await operationEnd(app, String(headers.location));
  assert.is(operation.error.code, 'build_changed');
  assert.match(operation.error.detail, /is not there any more/);
  assert.is((await machine(app, id)).state, 'stopped');
});

test('a build in use is not forgotten: each use is named', async ({ app, folders }) => {
  const id = await createRunning(app, folders);
  const own = (await machine(app, id)).build;
  const other = await registerAnother(app, folders);
  const remove = (build: string) => call(app, 'DELETE', `/v1/builds/${build}`);
  const uses = async (build: string) =>
    (await remove(build)).body.usedBy.map(({ why }: { why: string }) => why);
  assert.equal(await uses(own), ['installation', 'running']);
  await setBuilds(app, id, { default: other });
  assert.equal(await uses(other), ['default']);
  await setBuilds(app, id, { pin: other });
  const { status, body } = await remove(other);
  assert.is(status, 409);
  assert.is(body.code, 'build_in_use');
  assert.equal(body.usedBy, [{ why: 'pinned', machine: 'm' }]);
  await setBuilds(app, id, {});
  assert.is((await remove(other)).status, 204);
  assert.is((await upgradeEnd(app, id)).state, 'succeeded');
});

test('a stopped machine is changed member by member, and starts as it was changed', async ({
  app,
  folders,
}) => {
  const id = await createMachine(app, folders);
  const before = await machine(app, id);
  const { status, body } = await change(app, id, { memoryMiB: 48, name: 'renamed', commandLine: 'quiet' });
  assert.is(status, 200, JSON.stringify(body));
  assert.equal(body.spec, { ...before.spec, memoryMiB: 48, commandLine: 'quiet' });
  assert.is(body.name, 'renamed');
  assert.is((await change(app, 'renamed', { commandLine: null })).body.spec.commandLine, null);
  await perform(app, `/v1/machines/${id}/start`);
  await ticksOf(folders, id, 1, 0);
  const refused = await change(app, id, { memoryMiB: 32 });
  assert.is(refused.body.code, 'wrong_state');
  assert.match(refused.body.detail, /stop it first/);
  assert.is((await machine(app, id)).spec.memoryMiB, 48);
});

test('a change that no VMM could run, or that is misspelt, changes nothing', async ({ app, folders }) => {
  const id = await createMachine(app, folders);
  await createMachine(app, folders, 'other');
  const before = await machine(app, id);
  const refusals: [body: object, code: string, words: RegExp][] = [
    [{ vcpus: 2 }, 'machine_not_valid', /vcpus must be 1/],
    [{ memoryMiB: 100_000 }, 'machine_not_valid', /at most 3584/],
    [{ memoryMib: 64 }, 'invalid_request', /memoryMib/],
    [{ memoryMiB: null }, 'invalid_request', /memoryMiB must be integer/],
    [{ kernel: 'relative' }, 'invalid_request', /kernel/],
    [{ build: 'x' }, 'invalid_request', /build/],
    [{ name: 'other' }, 'machine_name_taken', /other/],
    [{}, 'invalid_request', /fewer than 1/],
  ];
  for (const [body, code, words] of refusals) {
    const answer = await change(app, id, body);
    assert.is(answer.body.code, code, `${JSON.stringify(body)}: ${JSON.stringify(answer.body)}`);
    assert.match(answer.body.detail, words);
  }
  assert.equal(await machine(app, id), before);
  assert.is((await change(app, 'none', { vcpus: 1 })).body.code, 'machine_not_found');
  assert.is((await change(app, id, { name: 'm' })).status, 200);
});

test.run();
