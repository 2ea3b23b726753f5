import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import { findInCache } from '../../fetch/cache.js';
import { skipSuite } from '../../helpers/skip.js';
import { call, type Folders, tearDown } from '../fixture.js';
import { makeQemuFolders, registerQemu, startQemuApp } from '../qemu-fixture.js';

const SUITE = 'hardware of a machine';
const GOOD = { name: 'good', memoryMiB: 64, kernel: '/kernel' };
const found = findInCache().qemu('10.0', 'x86_64');

const test = suite<{ folders: Folders; app: App; build: string }>(SUITE);

test.before.each(async (context) => {
  context.folders = await makeQemuFolders('x86_64');
  context.app = await startQemuApp(context.folders);
  const binary = 'missing' in found ? '' : (found.argvPrefix[0] ?? '');
  context.build = await registerQemu(context.app, context.folders, 'qemu', binary);
});

test.after.each(({ folders, app }) => tearDown(folders, app));

test('a machine with disks and networks is shown with every default resolved', async ({ app, build }) => {
  const { status, body } = await call(app, 'POST', '/v1/machines', {
    ...GOOD,
    build,
    vcpus: 2,
    accelerator: 'tcg',
    cpu: 'Skylake-Client,-hle',
    disks: [{ path: '/a' }, { path: '/b, c', format: 'qcow2', bus: 'scsi', readOnly: true }],
    nics: [
      { kind: 'user' },
      { kind: 'stream', path: '/s', mac: '52:54:00:00:00:01' },
      { kind: 'tap', interface: 'tap0' },
      { kind: 'none' },
    ],
    display: { kind: 'vnc' },
    extraArguments: ['-rtc', 'base=utc'],
  });
  assert.is(status, 201, JSON.stringify(body));
  const { architecture, machineType, accelerator, cpu, disks, nics, display, extraArguments } = body.spec;
  assert.equal([architecture, machineType, accelerator], ['x86_64', 'pc-q35-10.0', 'tcg']);
  assert.is(cpu, 'Skylake-Client,-hle');
  assert.equal(disks, [
    { path: '/a', format: 'raw', bus: 'virtio', readOnly: false },
    { path: '/b, c', format: 'qcow2', bus: 'scsi', readOnly: true },
  ]);
  assert.equal(nics, [
    { kind: 'user', mac: null },
    { kind: 'stream', mac: '52:54:00:00:00:01', path: '/s' },
    { kind: 'tap', mac: null, interface: 'tap0' },
    { kind: 'none', mac: null },
  ]);
  assert.equal([display, extraArguments], [{ kind: 'vnc' }, ['-rtc', 'base=utc']]);
  assert.equal((await call(app, 'GET', '/v1/machines/good')).body, body);
});

test('members that are wrong, unknown, or do not go together are refused by name', async ({ app, build }) => {
  const refused = async (more: object, words: RegExp) => {
    const { status, body } = await call(app, 'POST', '/v1/machines', { ...GOOD, build, ...more });
    assert.is(status, 400, JSON.stringify(body));
    assert.match(body.detail, words);
  };
  await refused({ architecture: 'z80' }, /architecture/);
  await refused({ machineType: 'q35,accel=kvm' }, /machineType/);
  await refused({ accelerator: 'xen' }, /accelerator/);
  await refused({ cpu: 'max -S' }, /cpu/);
  await refused({ disks: [{ path: 'relative' }] }, /disks\/0\/path/);
  await refused({ disks: [{ path: '/a', format: 'vmdk' }] }, /disks\/0\/format/);
  await refused({ disks: [{ path: '/a', sizeGiB: 4 }] }, /disks\/0 .*sizeGiB/);
  await refused({ nics: [{ kind: 'carrier-pigeon' }] }, /nics\/0\/kind/);
  await refused({ nics: [{ kind: 'user', mac: '01:00:00:00:00:00' }] }, /nics\/0\/mac/);
  await refused({ nics: [{ kind: 'stream' }] }, /expected the member path for nics\/0 of kind stream/);
  await refused({ nics: [{ kind: 'user', path: '/s' }] }, /expected no path for nics\/0 of kind user/);
  const tap = { kind: 'tap', interface: 'tap0' };
  await refused({ nics: [{ kind: 'tap' }] }, /expected the member interface for nics\/0 of kind tap/);
  await refused({ nics: [{ ...tap, path: '/s' }] }, /expected no path for nics\/0 of kind tap/);
  await refused({ nics: [{ ...tap, interface: 'a b' }] }, /nics\/0\/interface/);
  await refused({ nics: [tap, tap] }, /expected each interface on one of the nics, got tap0 twice/);
  await refused({ display: { kind: 'spice' } }, /display\/kind/);
  await refused({ extraArguments: [''] }, /extraArguments\/0/);
});

test('what the build cannot do is refused before anything is written', async ({ app, build }) => {
  for (const more of [
    { architecture: 'riscv64' },
    { machineType: 'isapc' },
    { vcpus: 4096 + 1 },
    { kernel: undefined },
    { machineType: 'microvm', display: { kind: 'vnc' } },
    { extraArguments: ['-S'] },
  ]) {
    const { status, body } = await call(app, 'POST', '/v1/machines', { ...GOOD, build, ...more });
    assert.ok(status === 422 || status === 400, JSON.stringify(body));
  }
  assert.equal((await call(app, 'GET', '/v1/machines')).body.machines, []);
});

if ('missing' in found) skipSuite(SUITE, found.missing);
else test.run();
