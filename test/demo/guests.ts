/** The guests to choose from: our own bare ticker, or Debian's kernel with the ticker as its only program. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findInCache } from '../fetch/cache.js';
import { cpio } from '../fetch/cpio.js';
import { linuxTicker } from '../guests/linux-ticker.js';
import { ticker } from '../guests/ticker.js';

export interface DemoGuest {
  readonly title: string;
  /** The part of a machine document that describes it. */
  readonly specification: {
    readonly memoryMiB: number;
    readonly vcpus: number;
    readonly kernel: string;
    readonly initrd?: string;
    readonly commandLine?: string;
  };
  readonly bootDeadlineMs: number;
}

export async function builtInGuest(directory: string): Promise<DemoGuest> {
  const kernel = join(directory, 'ticker.bin');
  await writeFile(kernel, ticker().bytes);
  return {
    title: 'built-in ticker',
    specification: { memoryMiB: 128, vcpus: 1, kernel },
    bootDeadlineMs: 20_000,
  };
}

/** The ticker comes as `/etc/baton/run` in a second archive behind the fetched initramfs. */
export async function linuxGuest(directory: string): Promise<DemoGuest> {
  const found = findInCache().kernel('6.12');
  if ('missing' in found) {
    throw new Error(`the Linux guest needs Debian's kernel, but ${found.missing}, then try again`);
  }
  const program = cpio([
    { type: 'directory', name: 'etc' },
    { type: 'directory', name: 'etc/baton' },
    { type: 'file', name: 'etc/baton/run', data: linuxTicker().bytes, mode: 0o755 },
  ]);
  const initrd = join(directory, 'initramfs.cpio');
  await writeFile(initrd, Buffer.concat([await readFile(found.initrd), program]));
  return {
    title: 'Debian 6.12',
    specification: {
      memoryMiB: 256,
      vcpus: 1,
      kernel: found.image,
      initrd,
      // Only emergencies on the console: a kernel message must not cut a ticker line in two.
      commandLine: 'console=ttyS0 quiet loglevel=1',
    },
    bootDeadlineMs: 120_000,
  };
}
