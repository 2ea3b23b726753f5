import { writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_HARDWARE } from '../../../daemon/hardware.js';
import { withStandIns } from '../../../daemon/instance/qemu-stand-ins.js';
import { DEFAULT_HOST_POLICY, type MachineSpec } from '../../../daemon/machine.js';
import { tempDir } from '../../helpers/temp-dir.js';

const SPEC: MachineSpec = {
  ...DEFAULT_HARDWARE,
  ...DEFAULT_HOST_POLICY,
  memoryMiB: 64,
  vcpus: 1,
  kernel: '/k',
  initrd: null,
  commandLine: null,
  firmware: null,
};

function refusalOf(...extraArguments: string[]): Promise<string> {
  return withStandIns({ ...SPEC, extraArguments }).then(
    () => 'it can be started beside the real one',
    (error) => error.message,
  );
}

const test = suite('stand-ins');

test('images become empty disks of their size, networks of one place are unplugged', async () => {
  const { path, remove } = await tempDir();
  writeFileSync(`${path}/raw`, Buffer.alloc(4096));
  const { disks, nics } = await withStandIns({
    ...SPEC,
    disks: [{ path: `${path}/raw`, format: 'raw', bus: 'scsi', readOnly: true }],
    nics: [
      { kind: 'tap', mac: 'm', interface: 'tap0' },
      { kind: 'stream', mac: null, path: '/p' },
      { kind: 'user', mac: null },
    ],
  });
  await remove();
  assert.equal(disks, [{ format: 'empty', sizeBytes: 4096, bus: 'scsi', readOnly: true }]);
  assert.equal(nics, [
    { kind: 'none', mac: 'm' },
    { kind: 'none', mac: null },
    { kind: 'user', mac: null },
  ]);
});

test('an image that cannot be read has no stand-in', async () => {
  const disk = { path: '/nowhere', format: 'raw', bus: 'virtio', readOnly: false } as const;
  const ended = await withStandIns({ ...SPEC, disks: [disk] }).catch((error) => error.code);
  assert.is(ended, 'ENOENT');
});

test("an operator's arguments that reach outside are not used a second time", async () => {
  const beside = 'it can be started beside the real one';
  assert.is(await refusalOf('-device', 'virtio-rng-pci', '-global', 'a.b=c', '-no-reboot'), beside);
  assert.match(await refusalOf('-chardev', 'socket,id=c,path=/p,server=on'), /^-chardev of extraArguments/);
  assert.match(await refusalOf('-device', 'vfio-pci,host=1:2.3'), /^vfio-pci of extraArguments/);
  assert.match(await refusalOf('-monitor', 'tcp:127.0.0.1:4444,server'), /^-monitor of extraArguments/);
});

test.run();
