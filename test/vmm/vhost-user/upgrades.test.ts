/** A disk that qemu-storage-daemon serves stays connected through upgrades: it sees one VMM all along. */
import { appendFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeFifo } from '../../../native/index.js';
import { checkFilesystem, diskToolsMissing, makeDiskImage } from '../../guests/linux/disk-image.js';
import { makeRiscvGuest, riscvGuestMissing } from '../../guests/linux/riscv-guest.js';
import { skipSuite } from '../../helpers/skip.js';
import { waitFor } from '../../helpers/wait.js';
import { LinuxRelay } from '../linux-relay.js';
import { VmmHost } from '../vmm-process.js';
import { qemuImg, StorageDaemon, toolsMissing } from './storage-daemon.js';

const test = suite('vhost-user-blk through upgrades');
const UPGRADES = 22;

/** Writes numbered files with checksums, and reads each back past the page cache, until a line comes. */
const SCRIPT = [
  'mount -t ext4 /dev/vda /mnt || exit 1',
  '(read -r line < /dev/console; touch /run/stop) &',
  'n=0',
  'while [ ! -e /run/stop ]; do',
  '  n=$((n + 1)); f=/mnt/f$((n % 16))',
  '  yes "number $n" | head -c 49152 > $f && sync && echo 1 > /proc/sys/vm/drop_caches',
  '  if [ "$(yes "number $n" | head -c 49152 | md5sum)" = "$(md5sum < $f)" ]; then echo "disk: $n ok"; else echo "disk: $n BAD"; fi',
  'done',
  'umount /mnt && echo "disk: unmounted after $n"',
];

let host: VmmHost;
let daemon: StorageDaemon | null = null;

test.before.each(async () => {
  host = await VmmHost.create();
});

test.after.each(async () => {
  await host.remove();
  await daemon?.kill();
});

test(`no write is lost in ${UPGRADES} upgrades, and the daemon sees one connection`, async () => {
  const [raw, image, socket] = ['raw', 'disk.qcow2', 'disk.sock'].map((name) => `${host.path}/${name}`) as [
    string,
    string,
    string,
  ];
  await makeDiskImage(raw);
  await qemuImg('convert', '-O', 'qcow2', raw, image);
  await qemuImg('snapshot', '-c', 'before', image);
  daemon = await StorageDaemon.serve(image, socket);
  makeFifo(`${host.path}/input`);
  const guest = await makeRiscvGuest(host.path, SCRIPT);
  const disk = ['-chardev', `socket,id=disk,path=${socket}`, '-device', 'vhost-user-blk,chardev=disk'];
  const relay = await LinuxRelay.boot(host, [...guest, ...disk]);
  const written = () => Number(/.*disk: (\d+) ok/s.exec(relay.console())?.[1] ?? 0);
  await relay.line(/disk: 1 ok/);
  for (let count = 0; count < UPGRADES; count++) {
    const before = written();
    await relay.upgrade(count % 2 === 0 ? 'cpr-transfer' : 'cpr-exec');
    await waitFor(() => written() > before, {
      what: `a write after upgrade ${count + 1}`,
      deadlineMs: 60_000,
    });
  }
  appendFileSync(`${host.path}/input`, '\n');
  await relay.line(/disk: unmounted after (\d+)/);
  assert.is(await relay.vmm.exitCode(), 0);
  assert.not.match(relay.console(), /BAD|I\/O error/);
  assert.is(daemon.ended, null);
  await daemon.kill();
  assert.match(await qemuImg('check', image), /No errors/);
  assert.match(await qemuImg('snapshot', '-l', image), /before/);
  await qemuImg('convert', '-O', 'raw', image, raw);
  await checkFilesystem(raw);
});

test('a backend that dies breaks its disk and not the VM', async () => {
  const [image, socket] = [`${host.path}/disk.qcow2`, `${host.path}/disk.sock`];
  await qemuImg('create', '-f', 'qcow2', image, '16M');
  daemon = await StorageDaemon.serve(image, socket);
  makeFifo(`${host.path}/input`);
  const script = [
    'cat /sys/block/vda/size',
    'i=0; while true; do i=$((i + 1)); echo "alive $i"; sleep 0.1; done',
  ];
  const guest = await makeRiscvGuest(host.path, script);
  const disk = ['-chardev', `socket,id=disk,path=${socket}`, '-device', 'vhost-user-blk,chardev=disk'];
  const relay = await LinuxRelay.boot(host, [...guest, ...disk]);
  await relay.line(/^32768\r?$/m);
  await relay.line(/alive 1\b/);
  await daemon.kill('SIGKILL');
  await waitFor(() => /the disk of chardev 'disk' is gone/.test(relay.vmm.stderr), { what: 'the complaint' });
  const last = () => Number(/.*alive (\d+)/s.exec(relay.console())?.[1] ?? 0);
  const before = last();
  await waitFor(() => last() > before + 3, { what: 'the guest to go on' });
  await relay.monitor.execute('stop');
  await relay.monitor.execute('cont');
  await waitFor(() => last() > before + 6, { what: 'the guest to go on after a stop' });
  assert.is(relay.vmm.stderr.match(/is gone/g)?.length, 1);
});

const missing = riscvGuestMissing() ?? toolsMissing() ?? (await diskToolsMissing());
if (missing === null) test.run();
else skipSuite('vhost-user-blk through upgrades', missing);
