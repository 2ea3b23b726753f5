/** Hardware of a document under upgrades of real QEMUs: what boots, what is shown, what an operator added. */
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import { findInCache, type QemuTarget, type QemuVersion } from '../../fetch/cache.js';
import { x86Disk } from '../../guests/x86-disk.js';
import { skipSuite } from '../../helpers/skip.js';
import { within } from '../../helpers/wait.js';
import { call, type Folders, tearDown, ticksOf, upgradeEnd } from '../fixture.js';
import { makeQemuFolders, registerQemu, runOnQemu, startQemuApp } from '../qemu-fixture.js';

interface Context {
  folders: Folders;
  app: App;
}

const SUITE = 'hardware under upgrades of real QEMU';
const DISK_BYTES = 1024 * 1024;
const cache = findInCache();
const missing = (['10.0', '11.1'] as const)
  .flatMap((version) => [cache.qemu(version, 'riscv64'), cache.qemu(version, 'x86_64')])
  .find((found) => 'missing' in found);

const test = suite<Context>(SUITE);

test.after.each(({ folders, app }) => tearDown(folders, app));

async function withTarget(context: Context, target: QemuTarget): Promise<Context> {
  context.folders = await makeQemuFolders(target);
  context.app = await startQemuApp(context.folders);
  return context;
}

function register({ app, folders }: Context, version: QemuVersion, target: QemuTarget, name: string) {
  const found = cache.qemu(version, target);
  return registerQemu(app, folders, name, 'missing' in found ? '' : (found.argvPrefix[0] ?? ''));
}

/** What a server on a unix socket says first. */
function greetingOf(path: string): Promise<string> {
  const greeting = new Promise<string>((resolve, reject) => {
    const socket = connect(path);
    socket.once('error', reject);
    socket.once('data', (bytes) => {
      socket.destroy();
      resolve(String(bytes));
    });
  });
  return within(greeting, 10_000, `a greeting at ${path}`);
}

async function screenOf(app: App, id: string): Promise<string> {
  const { instances } = (await call(app, 'GET', `/v1/machines/${id}/instances`)).body;
  return instances.find(({ state }: { state: string }) => state === 'alive')?.vncSocket;
}

for (const bus of ['virtio', 'scsi'] as const) {
  test(`a machine without a kernel boots from its ${bus} disk, and goes from 10.0 to 11.1`, async (context) => {
    const { app, folders } = await withTarget(context, 'x86_64');
    const disk = `${folders.path}/disk.img`;
    writeFileSync(disk, x86Disk());
    const source = await register(context, '10.0', 'x86_64', 'old');
    const target = await register(context, '11.1', 'x86_64', 'new');
    const id = await runOnQemu(app, folders, source, { kernel: undefined, disks: [{ path: disk, bus }] });
    const before = await ticksOf(folders, id, 1, 0);

    const upgrade = await upgradeEnd(app, id, { build: target });

    assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
    await ticksOf(folders, id, 2, before);
    const { body } = await call(app, 'GET', `/v1/machines/${id}`);
    assert.is(body.spec.kernel, null);
  });
}

test('a screen is on a socket of each instance, and goes from 10.0 to 11.1', async (context) => {
  const { app, folders } = await withTarget(context, 'x86_64');
  const source = await register(context, '10.0', 'x86_64', 'old');
  const target = await register(context, '11.1', 'x86_64', 'new');
  const id = await runOnQemu(app, folders, source, { display: { kind: 'vnc' } });
  const before = await ticksOf(folders, id, 1, 0);
  const first = await screenOf(app, id);
  assert.match(await greetingOf(first), /^RFB 003\./);

  const upgrade = await upgradeEnd(app, id, { build: target });

  assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
  await ticksOf(folders, id, 2, before);
  const second = await screenOf(app, id);
  assert.is.not(second, first);
  assert.match(await greetingOf(second), /^RFB 003\./);
});

test('riscv64: disks, network cards, a screen and added arguments go along', async (context) => {
  const { app, folders } = await withTarget(context, 'riscv64');
  const source = await register(context, '11.1', 'riscv64', 'one');
  const target = await register(context, '11.1', 'riscv64', 'other');
  for (const name of ['a', 'b']) writeFileSync(`${folders.path}/${name}`, Buffer.alloc(DISK_BYTES));
  const id = await runOnQemu(app, folders, source, {
    disks: [{ path: `${folders.path}/a` }, { path: `${folders.path}/b`, bus: 'scsi' }],
    nics: [{ kind: 'user' }, { kind: 'none' }],
    display: { kind: 'vnc' },
    extraArguments: ['-device', 'virtio-rng-pci'],
  });
  const before = await ticksOf(folders, id, 1, 0);

  const upgrade = await upgradeEnd(app, id, { build: target });

  assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
  await ticksOf(folders, id, 2, before);
  assert.match(await greetingOf(await screenOf(app, id)), /^RFB 003\./);
});

if (missing !== undefined && 'missing' in missing) skipSuite(SUITE, missing.missing);
else test.run();
