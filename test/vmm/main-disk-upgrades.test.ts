/**
 * Linux writes, verifies and keeps on writing while the VMM under it is replaced 20 times, in both live modes; targets
 * die on the way; the host's disk is full for a while. At the end the host looks at the image itself.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { StatusInfo } from '../../vmm/qmp/protocol.js';
import { checkFilesystem, diskToolsMissing, makeDiskImage, newestBlock } from '../guests/linux/disk-image.js';
import { readDisk } from '../guests/linux/disk-lines.js';
import {
  LINUX_BOOT_DEADLINE_MS,
  linuxDiskGuestMissing,
  makeLinuxDiskGuest,
  UNMOUNTED,
} from '../guests/linux-disk-guest.js';
import { type TempDir, tempDir } from '../helpers/temp-dir.js';
import { waitFor } from '../helpers/wait.js';
import { makeImage } from './disk-host.js';
import { LiveVmm } from './live-vmm.js';

const missing = linuxDiskGuestMissing() ?? (await diskToolsMissing());
const test = suite(
  missing === null ? 'Linux on a disk over upgrades' : `Linux on a disk (skipped: ${missing})`,
);

const ROUNDS = 20;
const MORE_DEADLINE_MS = 120_000;

let dir: TempDir;
let disk: string;
let word: string;
let vmm: LiveVmm;

test.before.each(async () => {
  dir = await tempDir();
  disk = join(dir.path, 'disk.img');
  word = makeImage(join(dir.path, 'word.img'), 4096);
});

test.after.each(async () => {
  await vmm.kill();
  await dir.remove();
});

function drive(node: string, filename: string, options: object = {}): string[] {
  const blockdev = { driver: 'raw', 'node-name': node, ...options, file: { driver: 'file', filename } };
  return ['-blockdev', JSON.stringify(blockdev)];
}

async function boot(image: string, device = '', wrapper: readonly string[] = []): Promise<void> {
  vmm = new LiveVmm(dir.path, wrapper, [
    ...['-m', '192M', '-machine', 'virt,memory-backend=ram0,aux-ram-share=on'],
    ...['-object', 'memory-backend-memfd,id=ram0,size=192M,share=on'],
    ...(await makeLinuxDiskGuest(dir.path)),
    ...[...drive('root', image), '-device', `virtio-blk-device,drive=root,id=disk0${device}`],
    ...[...drive('word', word, { 'read-only': true }), '-device', 'virtio-blk-device,drive=word'],
  ]);
  await vmm.start();
  await writesOn(2, LINUX_BOOT_DEADLINE_MS);
}

/** Writes that the guest has told of; every one read back intact. */
function writes(): number {
  return readDisk([vmm.console()]).at(-1)?.writes ?? 0;
}

async function writesOn(more: number, deadlineMs = MORE_DEADLINE_MS): Promise<void> {
  const wanted = writes() + more;
  await waitFor(() => writes() >= wanted || vmm.hasEnded, { what: `${wanted} writes`, deadlineMs });
  assert.not(vmm.hasEnded, vmm.stderr);
}

/** Ends the guest, and looks at what it left. */
async function endAndLook(image: string): Promise<void> {
  writeFileSync(word, 'x', { flag: 'r+' });
  await waitFor(() => vmm.hasEnded, { what: 'the guest to switch off', deadlineMs: MORE_DEADLINE_MS });
  assert.match(vmm.console(), UNMOUNTED);
  const ended = /disk: ended writes=(\d+) verified=(\d+) .*ok\r?\n/.exec(vmm.console());
  assert.is(ended?.[1], ended?.[2]);
  await checkFilesystem(image);
  assert.is(await newestBlock(image, dir.path), Number(ended?.[1]) - 1);
}

if (missing === null) {
  test(`${ROUNDS} upgrades, by cpr-transfer and cpr-exec in turns: no write is lost`, async () => {
    await makeDiskImage(disk);
    await boot(disk);
    for (let round = 0; round < ROUNDS; round++) {
      if (round % 5 === 4) await vmm.loseTarget();
      if (round % 2 === 0) await vmm.transfer();
      else await vmm.execute();
      await writesOn(2);
    }
    await endAndLook(disk);
  });

  test('a full disk of the host stops the VM, is not seen by the guest, and may be handed over', async () => {
    const full = join(dir.path, 'full');
    const image = join(full, 'disk.img');
    // A file system of its own, seen by the VMM alone and gone with it; reached through the process's root.
    const script = `mkdir ${full} && mount -t tmpfs -o size=24M none ${full} && cp ${disk} ${image} && exec "$@"`;
    const wrapper = ['unshare', '--map-root-user', '--user', '--mount', 'sh', '-ec', script, 'sh'];
    await makeDiskImage(disk, { sizeMiB: 16 });
    await boot(image, ',werror=stop', wrapper);
    const inside = (path: string) => `/proc/${vmm.pid}/root${path}`;
    const filler = inside(join(full, 'filler'));
    fillUp(filler);
    await vmm.event('BLOCK_IO_ERROR', MORE_DEADLINE_MS);
    const status = async () => (await vmm.monitor.execute<StatusInfo>('query-status')).status;
    await waitFor(async () => (await status()) === 'io-error', { what: 'the VM to stand' });
    const [event] = vmm.monitor.events.filter(({ event: name }) => name === 'BLOCK_IO_ERROR');
    assert.equal(event?.data, {
      'qom-path': '/machine/peripheral/disk0',
      device: '',
      'node-name': 'root',
      operation: 'write',
      action: 'stop',
      nospace: true,
      reason: 'No space left on device',
    });
    assert.equal(await ioStatus(), ['nospace', undefined]);
    const before = writes();
    vmm.monitor.forgetEvents();
    await vmm.monitor.execute('cont');
    await vmm.event('BLOCK_IO_ERROR');
    await waitFor(async () => (await status()) === 'io-error', { what: 'the VM to stand again' });
    await vmm.execute('io-error');
    assert.is(await status(), 'io-error');
    assert.is(writes(), before);
    writeFileSync(filler, '');
    await vmm.monitor.execute('cont');
    await writesOn(2);
    assert.equal(await ioStatus(), ['ok', undefined]);
    writeFileSync(word, 'x', { flag: 'r+' });
    const guest = () => vmm.console();
    await waitFor(() => guest().includes(UNMOUNTED) || vmm.hasEnded, { what: 'the end', deadlineMs: 60_000 });
    assert.match(guest(), UNMOUNTED);
    assert.not.match(guest(), 'failed');
  });
}

async function ioStatus(): Promise<(string | undefined)[]> {
  const blocks = await vmm.monitor.execute<readonly { 'io-status'?: string; qdev: string }[]>('query-block');
  return blocks.map(({ 'io-status': status, qdev }) => (qdev === 'disk0' ? status : undefined));
}

/** Until nothing more goes in. */
function fillUp(path: string): void {
  const bytes = Buffer.alloc(64 * 1024, 1);
  for (const size of [bytes.length, 4096]) {
    try {
      for (;;) writeFileSync(path, bytes.subarray(0, size), { flag: 'a' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }
}

test.run();
