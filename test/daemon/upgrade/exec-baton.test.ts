/** cpr-exec of baton-vmm under the daemon: the same steps, and the same way back. */
import { writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import {
  call,
  createRunning,
  type Folders,
  keeperPids,
  makeFolders,
  startApp,
  tearDown,
  ticksOf,
  upgradeEnd,
  vmmPids,
} from '../fixture.js';

interface Context {
  folders: Folders;
  app: App;
  id: string;
  before: number;
}

const test = suite<Context>('cpr-exec of baton-vmm');

test.before.each(async (context) => {
  context.folders = await makeFolders();
  context.app = await startApp(context.folders);
  context.id = await createRunning(context.app, context.folders);
  context.before = await ticksOf(context.folders, context.id, 1, 0);
});

test.after.each(({ folders, app }) => tearDown(folders, app));

test('the same process runs the program anew, and the guest goes on', async ({
  app,
  folders,
  id,
  before,
}) => {
  const pids = vmmPids(folders);
  const upgrade = await upgradeEnd(app, id, { mode: 'cpr-exec' });
  assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
  assert.ok(upgrade.pauseMs > 0);
  await ticksOf(folders, id, 2, before);
  assert.equal(vmmPids(folders), pids);
  assert.equal(keeperPids(folders), []);
});

test('a new program that ends loses nothing: the old build takes the guest back', async (context) => {
  const { app, folders, id, before } = context;
  const path = `${folders.path}/bad.mjs`;
  const isTakeOver =
    "process.argv.includes('-incoming') && !process.argv.some((word) => word.includes('/trial/'))";
  writeFileSync(path, `if (${isTakeOver}) process.exit(7);\nawait import(${JSON.stringify(folders.vmm)});\n`);
  const { body: build } = await call(app, 'POST', '/v1/builds', { kind: 'baton', path });

  const upgrade = await upgradeEnd(app, id, { build: build.id, mode: 'cpr-exec' });

  assert.equal([upgrade.state, upgrade.reason.code], ['rolled-back', 'target_died']);
  assert.is(upgrade.restoredGeneration, 3);
  await ticksOf(folders, id, 3, before);
  assert.is(vmmPids(folders).length, 1);
  assert.equal(keeperPids(folders), []);
});

test.run();
