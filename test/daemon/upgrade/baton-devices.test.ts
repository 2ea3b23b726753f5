/** baton-vmm with a disk and network cards of its document, moved in every mode, by a daemon that rehearses it first. */
import { renameSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import {
  type Answer,
  call,
  type Folders,
  makeFolders,
  perform,
  startApp,
  tearDown,
  ticksOf,
  upgradeEnd,
} from '../fixture.js';

const DISK_BYTES = 1024 * 1024;

interface Context {
  folders: Folders;
  app: App;
  id: string;
  network: Server;
  clients: Socket[];
}

const test = suite<Context>('baton-vmm with devices of its document');

test.before.each(async (context) => {
  const folders = await makeFolders();
  context.folders = folders;
  context.clients = [];
  const socket = `${folders.path}/net.sock`;
  context.network = createServer((client) => {
    client.on('error', () => undefined);
    context.clients.push(client);
  }).listen(socket);
  const disk = `${folders.path}/disk`;
  writeFileSync(disk, Buffer.alloc(DISK_BYTES));
  context.app = await startApp(folders);
  const document = {
    ...{ name: 'm', memoryMiB: 32, kernel: folders.kernel, guestAgent: true },
    ...{ disks: [{ path: disk }], nics: [{ kind: 'stream', path: socket }, { kind: 'none' }] },
  };
  const { status, body } = await call(context.app, 'POST', '/v1/machines', document);
  assert.is(status, 201, JSON.stringify(body));
  context.id = body.id;
  await perform(context.app, `/v1/machines/${body.id}/start`);
  await ticksOf(folders, body.id, 1, 0);
});

test.after.each(async ({ folders, app, network, clients }) => {
  await tearDown(folders, app);
  for (const client of clients) client.destroy();
  await new Promise((resolve) => network.close(resolve));
});

function codes({ findings }: Answer['body']): string[] {
  return findings.map(({ severity, code }: Answer['body']) => `${severity} ${code}`);
}

for (const [mode, found, connections] of [
  ['cpr-transfer', ['info same_build'], 1],
  ['cpr-exec', ['info same_build'], 1],
  ['cpr-reboot', ['warn network_reconnects', 'info same_build'], 2],
] as const) {
  test(`${mode}: rehearsed and moved, with its connection where that can be`, async (context) => {
    const { app, folders, id, clients } = context;
    const upgrade = await upgradeEnd(app, id, { mode, notifyGuest: false });
    assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
    assert.equal(codes(upgrade), found);
    const ticks = await ticksOf(folders, id, 2, 0);
    await ticksOf(folders, id, 2, ticks);
    assert.is(clients.length, connections, 'connections that the network process saw');
    assert.is(clients.at(-1)?.destroyed, false, 'the last of them is open');
  });
}

test('a disk that is gone, or another file in its place, is found before anything is touched', async (context) => {
  const { app, folders, id } = context;
  writeFileSync(`${folders.path}/other`, Buffer.alloc(DISK_BYTES));
  renameSync(`${folders.path}/other`, `${folders.path}/disk`);
  const upgrade = await upgradeEnd(app, id);
  assert.is(upgrade.state, 'rolled-back');
  assert.ok(codes(upgrade).includes('block disk_replaced'), codes(upgrade).join());
  await ticksOf(folders, id, 1, 0);
});

test.run();
