/** Debian's riscv64 kernel with busybox and a script of the test's: what `-kernel` and its relatives are to be. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findInCache, type KernelVersion } from '../../fetch/cache.js';
import { cpio } from '../../fetch/cpio.js';

export const BOOT_DEADLINE_MS = 180_000;

/** What keeps the guest from being made here; null when nothing does. */
export function riscvGuestMissing(version: KernelVersion = '6.12'): string | null {
  const found = findInCache().kernel(version);
  return 'missing' in found ? found.missing : null;
}

/** The arguments of a guest that runs `script` and powers off when that ends. */
export async function makeRiscvGuest(
  directory: string,
  script: readonly string[],
  version: KernelVersion = '6.12',
): Promise<string[]> {
  const found = findInCache().kernel(version);
  if ('missing' in found) throw new Error(found.missing);
  const run = Buffer.from(`#!/bin/sh\n${script.join('\n')}\n`);
  const addition = cpio([
    { type: 'directory', name: 'etc' },
    { type: 'directory', name: 'etc/baton' },
    { type: 'file', name: 'etc/baton/run', data: run, mode: 0o755 },
  ]);
  const initrd = join(directory, 'initramfs.cpio');
  await writeFile(initrd, Buffer.concat([await readFile(found.initrd), addition]));
  // Only emergencies on the console: a kernel message must not cut a line in two.
  return ['-kernel', found.image, '-initrd', initrd, '-append', 'console=ttyS0 quiet loglevel=1'];
}
