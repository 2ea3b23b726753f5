/** The guests for baton-vmm: our own bare ticker, or Debian's kernel with the ticker as its only program. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findInCache } from '../fetch/cache.js';
import { cpio } from '../fetch/cpio.js';
import { linuxTicker } from '../guests/linux-ticker.js';
import { ticker } from '../guests/ticker.js';
import type { DaemonClient } from './daemon-client.js';

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
  /** The upgrades to show, in turns from the first on. */
  readonly upgrades: readonly DemoUpgrade[];
  /** Ends a guest that can tell more than its ticker does, and says what it told. */
  readonly end?: (client: DaemonClient, machine: string) => Promise<string[]>;
}

export interface DemoUpgrade {
  /** As the interface takes it; without a build it is the daemon's own. */
  readonly request: { readonly mode: string; readonly build?: string };
  readonly title: string;
}

/** From one process of the daemon's own baton-vmm to another. */
const OWN_UPGRADES: readonly DemoUpgrade[] = [{ request: { mode: 'cpr-transfer' }, title: 'cpr-transfer' }];

export async function builtInGuest(directory: string): Promise<DemoGuest> {
  const kernel = join(directory, 'ticker.bin');
  await writeFile(kernel, ticker().bytes);
  return {
    title: 'built-in ticker',
    specification: { memoryMiB: 128, vcpus: 1, kernel },
    bootDeadlineMs: 20_000,
    upgrades: OWN_UPGRADES,
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
    upgrades: OWN_UPGRADES,
  };
}
