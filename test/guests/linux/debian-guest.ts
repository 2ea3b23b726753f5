/**
 * Debian's amd64 cloud kernel at work: what `-kernel`, `-initrd` and `-append` are to be for a q35 guest that ticks,
 * writes to its first disk and answers over TCP. It powers off by the power button, the filesystem unmounted.
 * Its lines are `workload.cpp`'s, and `guest: up N` with the seconds since its boot.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findInCache, type Missing } from '../../fetch/cache.js';
import { type CpioEntry, cpio } from '../../fetch/cpio.js';
import { buildWorkload } from './build-workload.js';

export interface DebianGuestOptions {
  /** Time between two writes; null: no disk. The disk holds a filesystem that Linux knows. */
  readonly diskPeriodUs?: number | null;
  /** Its address, with the length of the network's prefix; null: no network. */
  readonly address?: string | null;
  /** Waking each millisecond costs much of a small host's time, so it can be left out. */
  readonly ticks?: boolean;
}

/** The part of a machine document that describes it. */
export interface DebianGuest {
  readonly memoryMiB: number;
  readonly vcpus: number;
  readonly kernel: string;
  readonly initrd: string;
  readonly commandLine: string;
}

export const ECHO_PORT = 7;
export const BOOT_DEADLINE_MS = 120_000;
/** The file on the disk with the numbered blocks. */
export const BLOCKS_FILE = 'blocks';

/** What keeps the guest from being made here; null when nothing does. */
export function debianGuestMissing(): string | null {
  const found: object | Missing = findInCache().kernel('6.12', 'amd64');
  return 'missing' in found ? String(found.missing) : null;
}

export async function makeDebianGuest(
  directory: string,
  options: DebianGuestOptions = {},
): Promise<DebianGuest> {
  const found = findInCache().kernel('6.12', 'amd64');
  if ('missing' in found) throw new Error(found.missing);
  const addition = cpio(await entries(options));
  const initrd = join(directory, 'debian-initramfs.cpio');
  await writeFile(initrd, Buffer.concat([await readFile(found.initrd), addition]));
  // Only emergencies on the console: a kernel message must not cut a line in two.
  const commandLine = 'console=ttyS0 quiet loglevel=1';
  return { memoryMiB: 128, vcpus: 1, kernel: found.image, initrd, commandLine };
}

async function entries(options: DebianGuestOptions): Promise<CpioEntry[]> {
  const script = (name: string, lines: readonly string[]): CpioEntry => {
    return { type: 'file', name, data: Buffer.from(`${lines.join('\n')}\n`), mode: 0o755 };
  };
  return [
    ...['etc', 'etc/acpi', 'etc/acpi/PWRF', 'etc/baton'].map(
      (name) => ({ type: 'directory', name }) as const,
    ),
    script('etc/acpi/PWRF/00000080', ['#!/bin/sh', 'echo pressed > /run/power-button']),
    { type: 'file', name: 'etc/baton/workload', data: await buildWorkload(), mode: 0o755 },
    script('etc/baton/run', runLines(options)),
  ];
}

function runLines({ diskPeriodUs = null, address = null, ticks = true }: DebianGuestOptions): string[] {
  const lines = ['#!/bin/sh', 'mkfifo /run/power-button', 'acpid -l /dev/null'];
  if (diskPeriodUs !== null) {
    lines.push('mount -t ext4 /dev/vda /mnt || exit 1');
    lines.push(`/etc/baton/workload disk /mnt/${BLOCKS_FILE} ${diskPeriodUs} & disk=$!`);
  }
  if (address !== null) {
    lines.push(`ip address add ${address} dev eth0 && ip link set eth0 up || exit 1`);
    lines.push(`/etc/baton/workload echo ${ECHO_PORT} &`);
  }
  if (ticks) lines.push('/etc/baton/workload ticker & ticker=$!');
  lines.push('read -r pressed < /run/power-button');
  if (ticks) lines.push('kill $ticker');
  lines.push('echo "guest: up $(cut -d" " -f1 /proc/uptime)"');
  if (diskPeriodUs !== null) lines.push('kill $disk && wait $disk && umount /mnt && echo "guest: unmounted"');
  return lines;
}
