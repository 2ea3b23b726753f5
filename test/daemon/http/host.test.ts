/** What the daemon says of its host. */
import { hostname } from 'node:os';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import { call, createMachine, type Folders, makeFolders, startApp, tearDown } from '../fixture.js';

interface Context {
  folders: Folders;
  app: App;
}

const test = suite<Context>('REST host');

test.before(async (context) => {
  context.folders = await makeFolders();
  context.app = await startApp(context.folders);
});

test.after(({ folders, app }) => tearDown(folders, app));

test('the host tells what it has, and how many machines do what', async ({ app, folders }) => {
  await createMachine(app, folders, 'a');
  await createMachine(app, folders, 'b');
  const { status, body } = await call(app, 'GET', '/v1/host');
  assert.is(status, 200);
  assert.is(body.hostname, hostname());
  assert.ok(body.cpus >= 1 && body.memoryBytes > body.memoryAvailableBytes);
  assert.is(body.stateDir.path, folders.stateDir);
  assert.ok(body.stateDir.freeBytes > 0 && body.stateDir.freeBytes <= body.stateDir.totalBytes);
  assert.equal(body.versions, { batond: '0', node: process.versions.node });
  assert.ok(Date.parse(body.startedAt) <= Date.now());
  assert.is(body.machines.total, 2);
  assert.equal([body.machines.byState.stopped, body.machines.byState.running], [2, 0]);
});

test('the host is looked at, and every finding says what would help', async ({ app, folders }) => {
  const { status, body } = await call(app, 'GET', '/v1/host/validate');
  assert.is(status, 200);
  for (const { code, severity, sentence, remedy } of body.checks) {
    assert.ok(sentence.length > 0, code);
    assert.is(remedy === null, severity === 'ok', code);
  }
  const of = (code: string) => body.checks.find((check: { code: string }) => check.code === code);
  assert.is(of('node_version').severity, 'ok');
  assert.is(of('builds').severity, 'ok');
  assert.match(of('build_files').sentence, new RegExp(folders.vmm));
  assert.match(of('socket_paths').sentence, /of 107 bytes/);
});

test.run();
