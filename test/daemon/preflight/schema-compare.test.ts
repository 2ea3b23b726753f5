import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_HARDWARE } from '../../../daemon/hardware.js';
import { qemuArguments } from '../../../daemon/instance/qemu-arguments.js';
import { knowledgeOf } from '../../../daemon/instance/qemu-knowledge.js';
import { probeQemu } from '../../../daemon/instance/qemu-probe.js';
import { instancePaths } from '../../../daemon/instance.js';
import { DEFAULT_HOST_POLICY } from '../../../daemon/machine.js';
import { needsOf } from '../../../daemon/preflight/command-needs.js';
import { compareSchema } from '../../../daemon/preflight/schema-compare.js';
import { findInCache, type QemuVersion } from '../../fetch/cache.js';
import { skipSuite } from '../../helpers/skip.js';

const test = suite('what a command line needs of a QEMU');

test('both forms of an option are read, with doubled commas and without values', () => {
  const needs = needsOf([
    '-nodefaults',
    ...['--machine', 'virt,memory-backend=ram0,acpi=off', '-accel', 'tcg,thread=single', '-S'],
    ...['-object', 'memory-backend-memfd,id=ram0,size=1,share'],
    ...['-object', '{"qom-type":"iothread","id":"io0","poll-max-ns":1}'],
    ...[
      '-device',
      'virtio-net-pci,netdev=net0,mac=1',
      '-device',
      '{"driver":"scsi-hd","drive":"d","id":"x"}',
    ],
    ...['-chardev', 'socket,id=c,path=/a,,b,server=on,addr.type=x', '-netdev', 'user,id=net0,,,hostfwd=x'],
    ...['-blockdev', '{"driver":"qcow2","node-name":"d","file":{"driver":"file","filename":"-S"}}'],
  ]);
  assert.equal(needs, {
    options: [
      ...[
        '-nodefaults',
        '-machine',
        '-accel',
        '-S',
        '-object',
        '-device',
        '-chardev',
        '-netdev',
        '-blockdev',
      ],
    ],
    machine: { name: 'virt', properties: ['memory-backend', 'acpi'] },
    accelerators: ['tcg'],
    devices: [
      { name: 'virtio-net-pci', properties: ['netdev', 'mac'] },
      { name: 'scsi-hd', properties: ['drive'] },
    ],
    objects: [
      { name: 'memory-backend-memfd', properties: ['size', 'share'] },
      { name: 'iothread', properties: ['poll-max-ns'] },
    ],
    chardevs: [{ name: 'socket', properties: ['path', 'server', 'addr'] }],
    netdevs: [{ name: 'user', properties: ['hostfwd'] }],
    blockDrivers: ['qcow2', 'file'],
  });
});

test('what an operator added is read too, whatever it is', () => {
  const { options, machine, devices } = needsOf([
    ...['-machine', 'q35,aux-ram-share=on', '-append', '-v', '-enable-kvm', '-unheard-of', '-usb'],
    ...['-machine', 'hpet=off', '-device', '{broken', '-device', 'virtio-rng-pci,max-bytes=1', '-last'],
  ]);
  assert.equal(options, [
    ...['-machine', '-append', '-enable-kvm', '-unheard-of', '-usb', '-device', '-last'],
  ]);
  assert.equal(machine, { name: 'q35', properties: ['aux-ram-share', 'hpet'] });
  assert.equal(devices, [
    { name: '', properties: [] },
    { name: 'virtio-rng-pci', properties: ['max-bytes'] },
  ]);
});

const cache = findInCache();
const found = { '10.0': cache.qemu('10.0', 'x86_64'), '11.1': cache.qemu('11.1', 'x86_64') };
const missing = Object.values(found).find((qemu) => 'missing' in qemu);

async function findings(version: QemuVersion, args: readonly string[]): Promise<readonly string[]> {
  const qemu = found[version];
  const path = 'missing' in qemu ? '' : (qemu.argvPrefix[0] ?? '');
  const needs = needsOf(args);
  const compared = compareSchema(needs, await knowledgeOf(path, needs, (await probeQemu(path)).qemu));
  return compared.map(({ code, severity, sentence }) => `${severity} ${code}: ${sentence}`);
}

function ourLine(machineType: string): readonly string[] {
  const spec = {
    ...DEFAULT_HARDWARE,
    ...DEFAULT_HOST_POLICY,
    memoryMiB: 64,
    vcpus: 1,
    kernel: '/k',
    initrd: '/i',
    commandLine: 'a, b',
    firmware: '/f',
    build: null,
  };
  const disk = { path: '/d', format: 'qcow2', readOnly: false } as const;
  const hardware = {
    architecture: 'x86_64',
    machineType,
    accelerator: 'tcg',
    cpu: 'max',
    disks: [
      { ...disk, bus: 'virtio' },
      { ...disk, bus: 'scsi' },
    ],
    nics: [
      { kind: 'user', mac: null },
      { kind: 'stream', mac: null, path: '/s' },
      { kind: 'tap', mac: null, interface: 't' },
    ],
    display: { kind: 'vnc' },
    guestAgent: true,
    extraArguments: ['-rtc', 'base=utc'],
  } as const;
  const paths = instancePaths({ socketsDir: '/s', logsDir: '/l' });
  return qemuArguments({ machine: { id: 'id', name: 'name', spec }, hardware, paths, incoming: 'cpr' });
}

if (missing !== undefined && 'missing' in missing) {
  skipSuite('what a command line needs of real QEMUs', missing.missing);
} else {
  for (const version of ['10.0', '11.1'] as const) {
    test(`QEMU ${version} knows all that our own lines use`, async () => {
      for (const machineType of ['pc-q35-10.0', 'microvm']) {
        assert.equal(await findings(version, ourLine(machineType)), []);
      }
    });
  }

  test('each thing that the binary lacks is named', async () => {
    const lacking = await findings('10.0', [
      ...['-machine', 'pc-q35-10.0,sails=4', '-accel', 'xen', '-teleport', 'x'],
      ...['-device', 'virtio-warp-pci,id=a', '-device', 'virtio-blk-pci,drive=d,hull=thick'],
      ...['-object', 'memory-backend-tape,id=m', '-object', 'memory-backend-memfd,id=m,size=1,colour=red'],
      ...['-chardev', 'pigeon,id=c', '-netdev', 'passt,id=n', '-blockdev', 'driver=cloud,node-name=b'],
    ]);
    assert.equal(lacking, [
      'block target_option_missing: the target has no option -teleport',
      'block target_accelerator_missing: the target has no working accelerator xen',
      'block target_device_missing: the target has no device virtio-warp-pci',
      'block target_device_property_missing: device virtio-blk-pci of the target has no property hull',
      'block target_object_missing: the target has no object memory-backend-tape',
      'block target_object_property_missing: object memory-backend-memfd of the target has no property colour',
      'block target_chardev_missing: the target has no chardev pigeon',
      'block target_netdev_missing: the target has no netdev passt',
      'block target_block_driver_missing: the target has no block driver cloud',
      'block target_machine_property_missing: machine pc-q35-10.0 of the target has no property sails',
    ]);
  });

  test('what a later QEMU removed, or does not have yet, is found by asking it', async () => {
    const reconnecting = ['-chardev', 'socket,id=c,path=/s,reconnect=1'];
    assert.equal(await findings('10.0', reconnecting), []);
    assert.equal(await findings('11.1', reconnecting), [
      'block target_chardev_property_missing: the target has no chardev property reconnect',
    ]);
    assert.equal(await findings('11.1', ['-netdev', 'passt,id=n', '-machine', 'pc-q35-11.1']), []);
    assert.equal(await findings('10.0', ['-machine', 'pc-q35-11.1']), [
      'block target_machine_missing: the target has no machine type pc-q35-11.1',
    ]);
    assert.equal(await findings('11.1', ['-machine', 'pc-q35-6.2']), [
      'warn target_machine_deprecated: machine type pc-q35-6.2 is deprecated in the target',
    ]);
  });
}

test.run();
