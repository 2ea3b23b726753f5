/** What baton-vmm is told of a machine, and what it is not asked for. */
import { writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_HARDWARE, type Nic } from '../../../daemon/hardware.js';
import { BatonDriver } from '../../../daemon/instance/baton-driver.js';
import { defaultMac } from '../../../daemon/instance/qemu-machine.js';
import { instancePaths } from '../../../daemon/instance.js';
import { DEFAULT_HOST_POLICY, type MachineSpec } from '../../../daemon/machine.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';

const ID = '11111111-2222-3333-4444-555555555555';
const MAC = '52:54:00:00:00:07';
const driver = new BatonDriver();
const test = suite<{ dir: TempDir }>('baton-vmm, as the daemon drives it');

test.before.each(async (context) => {
  context.dir = await tempDir();
});

test.after.each(async ({ dir }) => dir.remove());

function spec(more: Partial<MachineSpec> = {}): MachineSpec {
  const boot = { kernel: '/k', initrd: null, commandLine: null, firmware: null };
  return { ...DEFAULT_HARDWARE, ...DEFAULT_HOST_POLICY, ...boot, memoryMiB: 64, vcpus: 1, ...more };
}

/** What stands behind each `flag`, read if it is JSON. */
function said(machineSpec: MachineSpec, flag: string): unknown[] {
  const machine = { id: ID, name: 'm', spec: machineSpec };
  const paths = instancePaths({ socketsDir: '/s', logsDir: '/l' });
  const build = { path: '/vmm', abilities: { modes: [] } };
  const { args } = driver.commandLine({ machine, build, paths, incoming: 'cpr' });
  const values = args.filter((_, index) => args[index - 1] === flag);
  return values.map((value) => (value.startsWith('{') ? JSON.parse(value) : value));
}

function refusals(more: Partial<MachineSpec>): readonly string[] {
  return driver.resolve(spec(more)).refusals;
}

test('disks: raw images on virtio-mmio', () => {
  const disk = { format: 'raw', bus: 'virtio' } as const;
  const disks = [
    { ...disk, path: '/a, b', readOnly: false },
    { ...disk, path: '/c', readOnly: true },
  ];
  assert.equal(said(spec({ disks }), '-blockdev'), [
    {
      driver: 'raw',
      discard: 'unmap',
      file: { driver: 'file', filename: '/a, b' },
      'node-name': 'disk0',
      'read-only': false,
    },
    {
      driver: 'raw',
      discard: 'unmap',
      file: { driver: 'file', filename: '/c' },
      'node-name': 'disk1',
      'read-only': true,
    },
  ]);
  assert.equal(said(spec({ disks }), '-device'), [
    { driver: 'virtio-blk-device', id: 'disk0', drive: 'disk0' },
    { driver: 'virtio-blk-device', id: 'disk1', drive: 'disk1' },
  ]);
});

test('network cards: a tap by its name, a network process, nothing', () => {
  const nics: Nic[] = [
    { kind: 'tap', mac: MAC, interface: 'tap0' },
    { kind: 'stream', mac: null, path: '/net.sock' },
    { kind: 'none', mac: null },
  ];
  assert.equal(said(spec({ nics }), '-netdev'), [
    { type: 'tap', id: 'net0', script: 'no', downscript: 'no', ifname: 'tap0' },
    {
      type: 'stream',
      id: 'net1',
      server: false,
      addr: { type: 'unix', path: '/net.sock' },
      'reconnect-ms': 50,
    },
  ]);
  assert.equal(said(spec({ nics }), '-device'), [
    { driver: 'virtio-net-device', id: 'nic0', mac: MAC, netdev: 'net0' },
    { driver: 'virtio-net-device', id: 'nic1', mac: defaultMac(ID, 1), netdev: 'net1' },
    { driver: 'virtio-net-device', id: 'nic2', mac: defaultMac(ID, 2) },
  ]);
});

test("the port of the guest's agent comes last", () => {
  const machineSpec = spec({ guestAgent: true, nics: [{ kind: 'none', mac: MAC }] });
  assert.equal(
    said(machineSpec, '-chardev').filter((value) => String(value).includes('agent')),
    ['socket,id=agent0,path=/s/qga.sock,server=on,wait=off'],
  );
  assert.equal(said(machineSpec, '-device').slice(1), [
    { driver: 'virtio-serial-device', id: 'serial-bus0' },
    {
      driver: 'virtserialport',
      id: 'agent0',
      chardev: 'agent0',
      name: 'org.qemu.guest_agent.0',
      bus: 'serial-bus0.0',
    },
  ]);
});

test('what it does not have is refused by name, with what would be possible', () => {
  const disk = { path: '/d', format: 'raw', bus: 'virtio', readOnly: false } as const;
  assert.equal(refusals({ disks: [disk], nics: [{ kind: 'tap', mac: null, interface: 't' }] }), []);
  assert.match(
    refusals({ disks: [disk, { ...disk, format: 'qcow2' }] }).join(),
    /^disks\/1 must be of format raw for baton-vmm, got qcow2: qemu-storage-daemon can .* vhost-user-blk$/,
  );
  assert.match(refusals({ disks: [{ ...disk, bus: 'scsi' }] }).join(), /^disks\/0 must be on bus virtio/);
  assert.match(
    refusals({ nics: [{ kind: 'user', mac: null }] }).join(),
    /^nics\/0 must be stream, tap or none/,
  );
  assert.match(
    refusals({ disks: Array(8).fill(disk), guestAgent: true }).join(),
    /must be at most 8 together for baton-vmm, got 9/,
  );
});

test('a rehearsal: as many disks as large as they are, and nothing plugged in', async ({ dir }) => {
  const path = `${dir.path}/d`;
  writeFileSync(path, Buffer.alloc(4096));
  const real = spec({
    disks: [{ path, format: 'raw', bus: 'virtio', readOnly: true }],
    nics: [{ kind: 'tap', mac: MAC, interface: 'tap0' }],
    guestAgent: true,
  });
  const standIn = await driver.standIns(real);
  assert.equal(said(standIn, '-blockdev'), [
    { driver: 'null-co', size: 4096, 'read-zeroes': true, 'node-name': 'disk0', 'read-only': true },
  ]);
  assert.equal(said(standIn, '-netdev'), []);
  const types = (machineSpec: MachineSpec) =>
    said(machineSpec, '-device').map((device) => (device as { driver: string }).driver);
  assert.equal(types(standIn), types(real));
});

test.run();
