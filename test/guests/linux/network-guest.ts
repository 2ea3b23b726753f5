/**
 * Debian's riscv64 kernel with a network of one fixed address and servers on it (`linux-server.ts`): what `-kernel`,
 * `-initrd` and `-append` are to be. It says `network: up` on the console when it can be talked to.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findInCache } from '../../fetch/cache.js';
import { type CpioEntry, cpio } from '../../fetch/cpio.js';
import { linuxServer, SERVER_PORTS } from '../linux-server.js';

export const UP_LINE = 'network: up';

export interface NetworkGuest {
  readonly kernel: string;
  readonly initrd: string;
  readonly commandLine: string;
}

/** What keeps the guest from being made here; null when nothing does. */
export function networkGuestMissing(): string | null {
  const found = findInCache().kernel('6.12');
  return 'missing' in found ? found.missing : null;
}

export async function makeNetworkGuest(
  directory: string,
  { address, router }: { readonly address: string; readonly router: string },
): Promise<NetworkGuest> {
  const found = findInCache().kernel('6.12');
  if ('missing' in found) throw new Error(found.missing);
  const run = [
    '#!/bin/sh',
    'ifconfig lo 127.0.0.1 up',
    `ifconfig eth0 ${address} netmask 255.255.255.0 up || exit 1`,
    `route add default gw ${router}`,
    ...Object.keys(SERVER_PORTS).map((mode) => `/etc/baton/server ${mode} &`),
    `echo '${UP_LINE}'`,
    'exec setsid -c sh',
  ];
  const entries: CpioEntry[] = [
    ...['etc', 'etc/baton'].map((name) => ({ type: 'directory', name }) as const),
    { type: 'file', name: 'etc/baton/server', data: linuxServer().bytes, mode: 0o755 },
    { type: 'file', name: 'etc/baton/run', data: Buffer.from(`${run.join('\n')}\n`), mode: 0o755 },
  ];
  const initrd = join(directory, 'network-initramfs.cpio');
  await writeFile(initrd, Buffer.concat([await readFile(found.initrd), cpio(entries)]));
  return { kernel: found.image, initrd, commandLine: 'console=ttyS0 quiet loglevel=1' };
}
