/**
 * Requests of a virtio-blk driver (virtio 1.2, section 5.2.6): a header that the device reads, data one way or the
 * other, and a byte of status at the very end. Without those there is nothing to answer, and the device stands.
 */
import type { Chain } from '../virtio/chain.js';
import { QueueError } from '../virtio/queue.js';
import { SECTOR_BYTES } from './config.js';

/** Values of the status byte. */
export const OK = 0;
export const IOERR = 1;
export const UNSUPPORTED = 2;

/** Kinds of requests less the bits that say nothing. */
export const IN = 0;
export const SCSI_COMMAND = 2;
export const FLUSH = 4;
export const GET_ID = 8;
export const DISCARD = 10;
export const WRITE_ZEROES = 12;

const OUT_BIT = 1;
const BARRIER_BIT = 0x8000_0000;
export const HEADER_BYTES = 16;
const RANGE_BYTES = 16;
const UNMAP_FLAG = 1;
/** QEMU's limit of one request. */
const MAX_SECTORS = 0x7fff_fe00 / SECTOR_BYTES;

export interface Request {
  readonly chain: Chain;
  /** One of the kinds above, or another number. */
  readonly kind: number;
  /** The driver writes; of some kinds only this is right. */
  readonly isOut: boolean;
  readonly sector: number;
  /** Data to write is behind the header. */
  readonly outBytes: number;
  /** Room for data, without the status byte. */
  readonly inBytes: number;
}

/** Throws `QueueError`. */
export function parseRequest(chain: Chain): Request {
  if (chain.readable.length === 0 || chain.writable.length === 0) {
    throw new QueueError('virtio-blk missing headers');
  }
  const header = chain.read(0, HEADER_BYTES);
  if (header.length < HEADER_BYTES) throw new QueueError('virtio-blk request outhdr too short');
  const view = new DataView(header.buffer);
  const type = view.getUint32(0, true);
  return {
    chain,
    kind: (type & ~(OUT_BIT | BARRIER_BIT)) >>> 0,
    isOut: (type & OUT_BIT) !== 0,
    sector: sectorAt(view, 8),
    outBytes: chain.readableBytes - HEADER_BYTES,
    inBytes: chain.writableBytes - 1,
  };
}

export interface DiskRange {
  readonly sector: number;
  readonly sectors: number;
  readonly unmap: boolean;
  readonly hasUnknownFlags: boolean;
}

/** What to discard or to write zeroes over; null: more than one range. Throws `QueueError`. */
export function parseRange({ chain, outBytes }: Request): DiskRange | null {
  const bytes = chain.read(HEADER_BYTES, RANGE_BYTES);
  if (bytes.length < RANGE_BYTES) throw new QueueError('virtio-blk discard/write_zeroes header too short');
  if (outBytes > RANGE_BYTES) return null;
  const view = new DataView(bytes.buffer);
  const flags = view.getUint32(12, true);
  return {
    sector: sectorAt(view, 0),
    sectors: view.getUint32(8, true),
    unmap: (flags & UNMAP_FLAG) !== 0,
    hasUnknownFlags: (flags & ~UNMAP_FLAG) !== 0,
  };
}

/** Whether a range is whole blocks of the disk. */
export function isInside(
  sector: number,
  bytes: number,
  disk: { readonly sizeBytes: number; readonly blockBytes: number },
): boolean {
  const sectors = Math.floor(bytes / SECTOR_BYTES);
  const blockSectors = disk.blockBytes / SECTOR_BYTES;
  if (sectors > MAX_SECTORS || sector % blockSectors !== 0 || bytes % disk.blockBytes !== 0) return false;
  return sector + sectors <= Math.ceil(disk.sizeBytes / SECTOR_BYTES);
}

/** Beyond what a number holds exactly there is no disk. */
function sectorAt(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
}
