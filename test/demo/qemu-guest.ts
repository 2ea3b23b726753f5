/**
 * Debian's amd64 kernel on a q35 of real QEMU 10.0, which the demo moves to 11.1 and on. Beside its ticker the guest
 * writes to a disk all the while, reads it back, and is asked to power off at the end; then the filesystem and every
 * block are judged from outside.
 */
import { join } from 'node:path';
import { findInCache, type QemuVersion } from '../fetch/cache.js';
import { BOOT_DEADLINE_MS, makeDebianGuest } from '../guests/linux/debian-guest.js';
import { checkFilesystem, diskToolsMissing, makeDiskImage, newestBlock } from '../guests/linux/disk-image.js';
import type { DaemonClient } from './daemon-client.js';
import { readConsoles, readDiskOf } from './guest-console.js';
import type { DemoGuest, DemoUpgrade } from './guests.js';
import { line } from './screen.js';

const WRITE_PERIOD_US = 2_000;
const POWER_OFF_MS = 20_000;

interface BuildDocument {
  readonly id: string;
  readonly version: string;
}

export async function qemuGuest(directory: string, client: DaemonClient): Promise<DemoGuest> {
  const toolsMissing = await diskToolsMissing();
  if (toolsMissing !== null) throw new Error(`the guest needs a disk, but ${toolsMissing}`);
  const disk = join(directory, 'disk.img');
  const guest = await makeDebianGuest(directory, { diskPeriodUs: WRITE_PERIOD_US });
  await makeDiskImage(disk);
  const older = await register(client, '10.0');
  const newer = await register(client, '11.1');
  line('builds', `QEMU ${older.version} and QEMU ${newer.version}`);
  const specification = { ...guest, build: older.id, accelerator: 'tcg', disks: [{ path: disk }] };
  return {
    title: 'Debian 6.12 (amd64) with a disk on q35, TCG',
    specification,
    bootDeadlineMs: BOOT_DEADLINE_MS,
    upgrades: plan(older, newer),
    end: (demoClient, machine) => powerOff(demoClient, machine, disk, directory),
  };
}

function plan(older: BuildDocument, newer: BuildDocument): DemoUpgrade[] {
  const to = (mode: string, title: string) => ({ request: { mode, build: newer.id }, title });
  return [
    to('cpr-transfer', `QEMU ${older.version} → ${newer.version} by cpr-transfer`),
    to('cpr-exec', `QEMU ${newer.version} → ${newer.version} by cpr-exec, the process stays`),
  ];
}

async function register(client: DaemonClient, version: QemuVersion): Promise<BuildDocument> {
  const found = findInCache().qemu(version, 'x86_64');
  if ('missing' in found) throw new Error(`the demo needs QEMU ${version}, but ${found.missing}`);
  return client.post<BuildDocument>('/v1/builds', { kind: 'qemu', path: found.argvPrefix[0] });
}

/** Resolves with what was found; fails when anything that the guest wrote is not on its disk. */
async function powerOff(
  client: DaemonClient,
  machine: string,
  disk: string,
  directory: string,
): Promise<string[]> {
  await client.perform(`${machine}/stop`, { powerdownMs: POWER_OFF_MS });
  const lines = await readDiskOf(client, machine);
  const said = (await readConsoles(client, machine, 'all')).join('');
  const written = Number(/disk: ended writes=(\d+) /.exec(said)?.[1]);
  if (!said.includes('guest: unmounted'))
    throw new Error('expected the guest to unmount its disk, it did not');
  await checkFilesystem(disk);
  const newest = await newestBlock(disk, directory);
  if (newest + 1 !== written) throw new Error(`expected ${written} writes on the disk, got ${newest + 1}`);
  const longestGapMs = Math.max(...lines.map(({ gapMs }) => gapMs));
  return [
    `${written} writes with fsync, each read back intact; longest gap ${longestGapMs.toFixed(1)} ms`,
    'the guest powered off by itself, its filesystem is clean for e2fsck',
  ];
}
