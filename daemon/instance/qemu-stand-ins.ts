/**
 * A machine of the same shape that touches nothing outside: to be started beside the real one, whose disks
 * are locked and whose network has one place only.
 */
import { type FileHandle, open } from 'node:fs/promises';
import type { Disk, EmptyDisk, Nic } from '../hardware.js';
import type { MachineSpec } from '../machine.js';
import { needsOf } from '../preflight/command-needs.js';

/** Options of an operator that name nothing outside of the VMM: files, sockets, ports. */
const SELF_CONTAINED = new Set([
  ...['-device', '-machine', '-M', '-global', '-smbios', '-rtc', '-boot', '-vga', '-usb', '-k', '-icount'],
  ...['-overcommit', '-action', '-watchdog-action', '-msg', '-no-reboot', '-only-migratable'],
]);
/** Devices of the host, and those with a process of their own behind them. */
const OUTSIDE = /^(vfio|vhost|usb-host|ivshmem|scsi-(block|generic))/;

/**
 * Rejects when an image cannot be read, as its size is a part of the machine, and when an operator's arguments could
 * reach what the real machine uses: a second VMM would take its sockets away.
 */
export async function withStandIns(spec: MachineSpec): Promise<MachineSpec> {
  const { options, devices } = needsOf(spec.extraArguments);
  const reaching =
    options.find((option) => !SELF_CONTAINED.has(option)) ??
    devices.find(({ name }) => OUTSIDE.test(name))?.name;
  if (reaching !== undefined) {
    throw new Error(
      `${reaching} of extraArguments may reach outside of the VMM, so that no second one is started`,
    );
  }
  const disks = await Promise.all(spec.disks.map(standIn));
  return { ...spec, disks, nics: spec.nics.map(unplugged) };
}

/** QEMU's own network has a state of its own in the stream: it stays. */
function unplugged(nic: Nic): Nic {
  return nic.kind === 'stream' || nic.kind === 'tap' ? { kind: 'none', mac: nic.mac } : nic;
}

async function standIn(disk: Disk): Promise<EmptyDisk> {
  if (disk.format === 'empty') return disk;
  const { bus, readOnly } = disk;
  const file = await open(disk.path, 'r');
  try {
    const sizeBytes = disk.format === 'raw' ? (await file.stat()).size : await virtualSize(file, disk.path);
    return { format: 'empty', sizeBytes, bus, readOnly };
  } finally {
    await file.close();
  }
}

/** The header of qcow2: magic "QFI\xfb" at 0, the guest's size in bytes at 24, both big-endian. */
const QCOW2_MAGIC = 0x514649fb;
const SIZE_OFFSET = 24;

async function virtualSize(file: FileHandle, path: string): Promise<number> {
  const header = Buffer.alloc(SIZE_OFFSET + 8);
  const { bytesRead } = await file.read(header, 0, header.length, 0);
  const size = header.readBigUInt64BE(SIZE_OFFSET);
  if (bytesRead < header.length || header.readUInt32BE(0) !== QCOW2_MAGIC || size > Number.MAX_SAFE_INTEGER) {
    throw new Error(`expected a qcow2 image at ${path}`);
  }
  return Number(size);
}
