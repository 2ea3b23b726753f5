/** Real QEMUs under the daemon: the same REST calls and the same engine as for `baton-vmm`. */
import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import { findInCache, type QemuTarget, type QemuVersion } from '../../fetch/cache.js';
import { skipSuite } from '../../helpers/skip.js';
import { call, type Folders, tearDown, ticksOf, upgradeEnd, vmmPids } from '../fixture.js';
import {
  atTakeOver,
  editing,
  makeQemuFolders,
  registerQemu,
  registerWrapper,
  runOnQemu,
  startQemuApp,
} from '../qemu-fixture.js';

interface Context {
  folders: Folders;
  app: App;
}

const SUITE = 'upgrade of real QEMU';
const cache = findInCache();
const missing = (['10.0', '11.1'] as const)
  .flatMap((version) => [cache.qemu(version, 'riscv64'), cache.qemu(version, 'x86_64')])
  .find((found) => 'missing' in found);

function binary(version: QemuVersion, target: QemuTarget): string {
  const found = cache.qemu(version, target);
  return 'missing' in found ? '' : (found.argvPrefix[0] ?? '');
}

const test = suite<Context>(SUITE);

async function withTarget(context: Context, target: QemuTarget): Promise<Context> {
  context.folders = await makeQemuFolders(target);
  context.app = await startQemuApp(context.folders);
  return context;
}

test.after.each(({ folders, app }) => tearDown(folders, app));

test('an x86_64 guest goes from 10.0 to 11.1 live, its memory and its ticks intact', async (context) => {
  const { app, folders } = await withTarget(context, 'x86_64');
  const source = await registerQemu(app, folders, 'old', binary('10.0', 'x86_64'));
  const target = await registerQemu(app, folders, 'new', binary('11.1', 'x86_64'));
  const id = await runOnQemu(app, folders, source);
  const before = await ticksOf(folders, id, 1, 0);

  const upgrade = await upgradeEnd(app, id, { build: target });

  assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
  assert.is(upgrade.mode, 'cpr-transfer');
  assert.ok(upgrade.pauseMs > 0 && upgrade.pauseMs < 1_000, `a pause of ${upgrade.pauseMs} ms`);
  await ticksOf(folders, id, 2, before);
  const { body: machine } = await call(app, 'GET', `/v1/machines/${id}`);
  assert.is(machine.state, 'running');
  assert.is(machine.build, target);
  assert.is(vmmPids(folders).length, 1);
});

test('a riscv64 guest goes from one 11.1 to another live', async (context) => {
  const { app, folders } = await withTarget(context, 'riscv64');
  const source = await registerQemu(app, folders, 'one', binary('11.1', 'riscv64'));
  const target = await registerQemu(app, folders, 'other', binary('11.1', 'riscv64'));
  const id = await runOnQemu(app, folders, source);
  const before = await ticksOf(folders, id, 1, 0);

  const upgrade = await upgradeEnd(app, id, { build: target });

  assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
  await ticksOf(folders, id, 2, before);
});

test('a target that cannot load the state is given up, and the guest runs on', async (context) => {
  const { app, folders } = await withTarget(context, 'x86_64');
  const source = await registerQemu(app, folders, 'one', binary('10.0', 'x86_64'));
  const lines = atTakeOver(editing('s/pc-q35-10.0,/pc-q35-11.1,/').join('\n'));
  const target = await registerWrapper(app, folders, 'changeling', {
    binary: binary('11.1', 'x86_64'),
    lines,
  });
  const id = await runOnQemu(app, folders, source);
  const before = await ticksOf(folders, id, 1, 0);

  const upgrade = await upgradeEnd(app, id, { build: target });

  assert.is(upgrade.state, 'rolled-back');
  assert.is(upgrade.reason.step, 'hand-over');
  assert.match(upgrade.reason.message, /Machine type received is 'pc-q35-10.0'/);
  await ticksOf(folders, id, 1, before + 100);
  assert.is(vmmPids(folders).length, 1);
});

test('a target made of other things than the source is given up before the guest stops', async (context) => {
  const { app, folders } = await withTarget(context, 'x86_64');
  const source = await registerQemu(app, folders, 'one', binary('10.0', 'x86_64'));
  const disk = `${folders.path}/disk.raw`;
  writeFileSync(disk, Buffer.alloc(1024 * 1024));
  const id = await runOnQemu(app, folders, source, {
    vcpus: 2,
    disks: [{ path: disk }],
    nics: [{ kind: 'user' }],
  });
  const before = await ticksOf(folders, id, 1, 0);
  const others: readonly (readonly [string, string, RegExp])[] = [
    ['one-more-vcpu', 's/^2$/3/', /the target has a vCPU 2 that the source has not/],
    ['other-disk', `s#${disk}#${folders.kernel}#`, /block node disk0 has file ".*ticker.bin" instead of/],
    ['no-card', 's/^{"driver":"virtio-net-pci".*/virtio-rng-pci/', /the target lacks device nic0/],
  ];
  for (const [name, edit, words] of others) {
    const lines = atTakeOver(editing(edit).join('\n'));
    const target = await registerWrapper(app, folders, name, { binary: binary('11.1', 'x86_64'), lines });
    const { state, reason, pauseMs } = await upgradeEnd(app, id, { build: target });
    assert.equal([state, reason.code, pauseMs], ['rolled-back', 'target_not_verified', null], reason.message);
    assert.match(reason.message, words);
  }
  await ticksOf(folders, id, 1, before + 100);
  assert.is(vmmPids(folders).length, 1);
});

test('11.1 to 10.0 is refused before anything is touched, and it can go elsewhere', async (context) => {
  const { app, folders } = await withTarget(context, 'x86_64');
  const older = await registerQemu(app, folders, 'old', binary('10.0', 'x86_64'));
  const source = await registerQemu(app, folders, 'new', binary('11.1', 'x86_64'));
  const other = await registerQemu(app, folders, 'other', binary('11.1', 'x86_64'));
  const id = await runOnQemu(app, folders, source, { machineType: 'pc-q35-10.0' });
  const before = await ticksOf(folders, id, 1, 0);

  const refused = await upgradeEnd(app, id, { build: older });

  assert.is(refused.state, 'rolled-back');
  assert.is(refused.reason.code, 'preflight_blocked', JSON.stringify(refused.reason));
  assert.is(refused.findings[0].code, 'rehearsal_failed');
  assert.match(refused.findings[0].sentence, /vmstate_load_state error -2/);
  assert.is(refused.pauseMs, null);
  const after = await ticksOf(folders, id, 1, before + 100);
  assert.is(vmmPids(folders).length, 1);

  const upgrade = await upgradeEnd(app, id, { build: other });

  assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
  await ticksOf(folders, id, 2, after);
});

test('disks and a network card go along, and the target has them when the guest runs', async (context) => {
  const { app, folders } = await withTarget(context, 'x86_64');
  const source = await registerQemu(app, folders, 'old', binary('10.0', 'x86_64'));
  const target = await registerQemu(app, folders, 'new', binary('11.1', 'x86_64'));
  const disk = `${folders.path}/disk, one`;
  writeFileSync(disk, Buffer.alloc(1024 * 1024));
  const id = await runOnQemu(app, folders, source, {
    disks: [{ path: disk }, { path: folders.kernel, bus: 'scsi', readOnly: true }],
    nics: [{ kind: 'user' }],
  });
  const before = await ticksOf(folders, id, 1, 0);

  const upgrade = await upgradeEnd(app, id, { build: target });

  assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
  await ticksOf(folders, id, 2, before);
  const lock = await runOnQemu(app, folders, target, { name: 'thief', disks: [{ path: disk }] }).then(
    () => 'it got the disk',
    (error) => error.message,
  );
  assert.match(lock, /Failed to get \\?"write\\?" lock/);
});

test('a daemon that is started again finds its QEMU and upgrades it', async (context) => {
  const { app, folders } = await withTarget(context, 'riscv64');
  const source = await registerQemu(app, folders, 'one', binary('11.1', 'riscv64'));
  const target = await registerQemu(app, folders, 'other', binary('11.1', 'riscv64'));
  const id = await runOnQemu(app, folders, source);
  const before = await ticksOf(folders, id, 1, 0);

  await app.close(10_000);
  context.app = await startQemuApp(folders);

  const { body: found } = await call(context.app, 'GET', `/v1/machines/${id}`);
  assert.equal([found.state, found.build, found.generation], ['running', source, 1]);
  const upgrade = await upgradeEnd(context.app, id, { build: target });
  assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
  await ticksOf(folders, id, 2, before);
});

test('a QEMU that was replaced under its path is noticed before anything is started', async (context) => {
  const { app, folders } = await withTarget(context, 'riscv64');
  const source = await registerQemu(app, folders, 'one', binary('11.1', 'riscv64'));
  const target = await registerQemu(app, folders, 'other', binary('11.1', 'riscv64'));
  const id = await runOnQemu(app, folders, source);
  rmSync(`${folders.path}/other`);
  symlinkSync(binary('10.0', 'riscv64'), `${folders.path}/other`);

  const replaced = await upgradeEnd(app, id, { build: target });
  assert.equal([replaced.reason.code, replaced.findings[0].code], ['preflight_blocked', 'build_changed']);
  rmSync(`${folders.path}/other`);
  const gone = await upgradeEnd(app, id, { build: target });
  assert.equal([gone.reason.code, gone.findings[0].code], ['preflight_blocked', 'target_binary_missing']);
  await ticksOf(folders, id, 1, 0);
});

test('a build that cannot run the machine is refused before anything is started', async (context) => {
  const { app, folders } = await withTarget(context, 'x86_64');
  const source = await registerQemu(app, folders, 'x86', binary('11.1', 'x86_64'));
  const older = await registerQemu(app, folders, 'older', binary('10.0', 'x86_64'));
  const other = await registerQemu(app, folders, 'riscv', binary('11.1', 'riscv64'));
  const id = await runOnQemu(app, folders, source);
  const refused = async (build: string, words: RegExp) => {
    const { status, body } = await call(app, 'POST', `/v1/machines/${id}/upgrade`, { build });
    assert.equal([status, body.code], [422, 'build_not_suitable']);
    assert.match(body.detail, words);
  };
  await refused(other, /architecture is x86_64, but the guests of the build are riscv64/);
  await refused(older, /machineType is pc-q35-11.1, but with the build it can be pc-q35-10.0/);
  await ticksOf(folders, id, 1, 0);
});

test('the machine type of the first build stays with the machine', async (context) => {
  const { app, folders } = await withTarget(context, 'x86_64');
  const older = await registerQemu(app, folders, 'old', binary('10.0', 'x86_64'));
  const newer = await registerQemu(app, folders, 'new', binary('11.1', 'x86_64'));
  const created = async (name: string, more: object) => {
    const document = { name, memoryMiB: 64, kernel: folders.kernel, ...more };
    return (await call(app, 'POST', '/v1/machines', document)).body;
  };
  assert.is((await created('a', { build: older })).spec.machineType, 'pc-q35-10.0');
  assert.is((await created('b', { build: newer })).spec.machineType, 'pc-q35-11.1');
  const refused = await created('c', { build: older, machineType: 'pc-q35-11.1' });
  assert.is(refused.code, 'machine_not_valid');
  assert.match(refused.detail, /machineType is pc-q35-11.1, but with the build it can be pc-q35-10.0/);
});

if (missing !== undefined && 'missing' in missing) skipSuite(SUITE, missing.missing);
else test.run();
