/** Linux binds the slot of a disk that was plugged in under it, reads it, lets go, and finds the next one there. */
import { writeFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findInCache } from '../fetch/cache.js';
import { cpio } from '../fetch/cpio.js';
import { LINUX_BOOT_DEADLINE_MS } from '../guests/linux-disk-guest.js';
import { skipSuite } from '../helpers/skip.js';
import { type TempDir, tempDir } from '../helpers/temp-dir.js';
import { waitFor } from '../helpers/wait.js';
import { makeImage } from './disk-host.js';
import { LiveVmm } from './live-vmm.js';

const found = findInCache().kernel('6.12');
const missing = 'missing' in found ? found.missing : null;
const test = suite('Linux and its slots');

/** Slot 7 is the one that changes. The disk in slot 6 is the host's word: which round it is. */
const RUN = `#!/bin/sh
driver=/sys/bus/platform/drivers/virtio-mmio
slot=10008000.virtio_mmio
echo 'guest: ready'
for round in 1 2; do
  until [ "$(head -c 1 /dev/vda)" = $round ]; do
    sleep 0.2
    echo 3 > /proc/sys/vm/drop_caches
  done
  echo $slot > $driver/bind
  until [ -b /dev/vdb ]; do sleep 0.1; done
  echo "guest: read $(head -c 6 /dev/vdb)"
  echo $slot > $driver/unbind
  echo "guest: unbound $round"
done
exec sleep 100000
`;

/** Three programs write to slot 7's disk all the time, one reads it, and one counts. */
const BUSY_RUN = `#!/bin/sh
for job in 1 2 3; do
  (while true; do head -c 1048576 /dev/zero > /dev/vda; sync; done) &
done
(while true; do cat /dev/vda > /dev/null; echo 3 > /proc/sys/vm/drop_caches; done) &
count=0
while true; do count=$((count + 1)); echo "guest: alive $count"; sleep 0.1; done
`;

interface BlockStats {
  readonly stats: { readonly wr_operations: number };
}

let dir: TempDir;
let vmm: LiveVmm;

test.before.each(async () => {
  dir = await tempDir();
});

test.after.each(async () => {
  await vmm.kill();
  await dir.remove();
});

const word = () => join(dir.path, 'word');

async function boot(script: string, extra: readonly string[] = []): Promise<void> {
  if ('missing' in found) throw new Error(found.missing);
  const run = cpio([
    { type: 'directory', name: 'etc' },
    { type: 'directory', name: 'etc/baton' },
    { type: 'file', name: 'etc/baton/run', data: Buffer.from(script), mode: 0o755 },
  ]);
  const initrd = join(dir.path, 'initrd');
  await writeFile(initrd, Buffer.concat([await readFile(found.initrd), run]));
  vmm = new LiveVmm(
    dir.path,
    [],
    [
      ...['-m', '192M', '-kernel', found.image, '-initrd', initrd],
      ...['-append', 'console=ttyS0 quiet loglevel=1'],
      ...['-drive', `if=none,id=word,file=${makeImage(word(), 4096)},format=raw`],
      ...['-device', 'virtio-blk-device,drive=word,bus=virtio-mmio-bus.6'],
      ...extra,
    ],
  );
  await vmm.start();
}

async function says(line: string): Promise<void> {
  await waitFor(() => vmm.console().includes(line) || vmm.hasEnded, {
    what: `'${line}'`,
    deadlineMs: LINUX_BOOT_DEADLINE_MS,
  });
  assert.not(vmm.hasEnded, vmm.stderr);
}

async function plug(content: string): Promise<void> {
  const filename = join(dir.path, content);
  writeFileSync(filename, content.padEnd(65536, '.'));
  const node = { driver: 'raw', 'node-name': content, file: { driver: 'file', filename } };
  await vmm.monitor.execute('blockdev-add', node);
  await vmm.monitor.execute('device_add', { driver: 'virtio-blk-device', id: 'vd0', drive: content });
}

async function unplug(content: string): Promise<void> {
  vmm.monitor.forgetEvents();
  await vmm.monitor.execute('device_del', { id: 'vd0' });
  const { data } = await vmm.event('DEVICE_DELETED');
  assert.equal(data, { device: 'vd0', path: '/machine/peripheral/vd0' });
  await vmm.monitor.execute('blockdev-del', { 'node-name': content });
}

if (missing === null) {
  test('one disk, none, another disk, in the same slot', async () => {
    await boot(RUN);
    await says('guest: ready');
    for (const [index, content] of ['first0', 'second'].entries()) {
      await plug(content);
      writeFileSync(word(), String(index + 1), { flag: 'r+' });
      await says(`guest: unbound ${index + 1}`);
      await unplug(content);
    }
    const reads = vmm.console().match(/guest: read \S+/g);
    assert.equal(reads, ['guest: read first0', 'guest: read second'], vmm.console());
  });

  test('a disk that is taken from a driver at work is gone, and the guest and the host go on', async () => {
    const image = makeImage(join(dir.path, 'busy'), 4 * 2 ** 20);
    await boot(BUSY_RUN, [
      ...['-blockdev', `driver=raw,node-name=busy,file.driver=file,file.filename=${image}`],
      ...['-device', 'virtio-blk-device,drive=busy,id=vd0,bus=virtio-mmio-bus.7'],
    ]);
    const alive = () => Number(/.*guest: alive (\d+)/s.exec(vmm.console())?.[1] ?? 0);
    const written = async () => {
      const stats = await vmm.monitor.execute<BlockStats[]>('query-blockstats');
      return Math.max(...stats.map((one) => one.stats.wr_operations));
    };
    await says('guest: alive 5');
    await waitFor(async () => (await written()) > 20, { what: 'writes', deadlineMs: LINUX_BOOT_DEADLINE_MS });
    await unplug('busy');
    const before = alive();
    await waitFor(() => alive() > before + 5, {
      what: 'the guest to go on',
      deadlineMs: LINUX_BOOT_DEADLINE_MS,
    });
    await plug('second');
    await unplug('second');
    const later = alive();
    await waitFor(() => alive() > later + 5, {
      what: 'the guest to go on',
      deadlineMs: LINUX_BOOT_DEADLINE_MS,
    });
    await vmm.monitor.execute('stop');
    assert.not(vmm.hasEnded, vmm.stderr);
  });
} else {
  skipSuite('Linux and its slots', missing);
}

test.run();
