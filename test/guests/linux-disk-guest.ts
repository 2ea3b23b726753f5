/**
 * Debian's riscv64 kernel with `linux-disk.ts` on its first disk: what `-kernel`, `-initrd` and `-append` are to be. The
 * second disk is the host's word that ends it; then the filesystem is unmounted, which the guest says, and the power is
 * switched off.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findInCache } from '../fetch/cache.js';
import { cpio } from '../fetch/cpio.js';
import { linuxDisk } from './linux-disk.js';

export const LINUX_BOOT_DEADLINE_MS = 240_000;
/** The last word of a guest that was told to end. */
export const UNMOUNTED = 'guest: unmounted';

/** What keeps the guest from being made here; null when nothing does. */
export function linuxDiskGuestMissing(): string | null {
  const found = findInCache().kernel('7.2');
  return 'missing' in found ? found.missing : null;
}

/** Arguments of a VMM for it, less the disks. */
export async function makeLinuxDiskGuest(directory: string): Promise<string[]> {
  const found = findInCache().kernel('7.2');
  if ('missing' in found) throw new Error(found.missing);
  const run = [
    '#!/bin/sh',
    'mount -t ext4 -o errors=remount-ro /dev/vda /mnt || exit 1',
    '/etc/baton/disk',
    `umount /mnt && echo '${UNMOUNTED}'`,
  ];
  const addition = cpio([
    { type: 'directory', name: 'etc' },
    { type: 'directory', name: 'etc/baton' },
    { type: 'file', name: 'etc/baton/disk', data: linuxDisk().bytes, mode: 0o755 },
    { type: 'file', name: 'etc/baton/run', data: Buffer.from(`${run.join('\n')}\n`), mode: 0o755 },
  ]);
  const initrd = join(directory, 'linux-disk.cpio');
  await writeFile(initrd, Buffer.concat([await readFile(found.initrd), addition]));
  const commandLine = 'console=ttyS0 quiet loglevel=1';
  return ['-kernel', found.image, '-initrd', initrd, '-append', commandLine];
}
