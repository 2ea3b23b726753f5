/**
 * A machine of the same shape that touches nothing outside: to be started beside the real one, whose disks
 * are locked and whose network has one place only.
 */
import { type FileHandle, open } from 'node:fs/promises';
import type { Disk, EmptyDisk, Nic } from '../hardware.js';
import type { MachineSpec } from '../machine.js';

/** Rejects when an image cannot be read: its size is a part of the machine. */
export async function withStandIns(spec: MachineSpec): Promise<MachineSpec> {
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
