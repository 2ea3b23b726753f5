/** What a virtio-blk device is, and how its driver reads that (virtio 1.2, section 5.2.4). */

export const FEATURE_SEG_MAX = 2;
export const FEATURE_GEOMETRY = 4;
export const FEATURE_RO = 5;
export const FEATURE_BLK_SIZE = 6;
export const FEATURE_FLUSH = 9;
export const FEATURE_TOPOLOGY = 10;
export const FEATURE_CONFIG_WCE = 11;
export const FEATURE_DISCARD = 13;
export const FEATURE_WRITE_ZEROES = 14;

export const SECTOR_BYTES = 512;
export const WRITEBACK_AT = 32;

const HEADS = 16;
const SECTORS_PER_TRACK = 63;
const MAX_CYLINDERS = 16383;
/** Where the structure ends, by what is offered. */
const END = { neither: 36, discard: 48, writeZeroes: 57 } as const;
/** The widest read, begun at the end. */
const ROOM_BYTES = END.writeZeroes + 8;

export interface VirtioBlkOptions {
  /** For GET_ID; at most 20 bytes of it are told. */
  readonly serial: string;
  readonly logicalBlockBytes: number;
  readonly physicalBlockBytes: number;
  readonly minIoBytes: number;
  readonly optIoBytes: number;
  /** null: not known, a block. */
  readonly discardGranularityBytes: number | null;
  readonly queueSize: number;
  /** Segments of a request fill the queue; otherwise they fill QEMU's old one of 128. */
  readonly segMaxAdjust: boolean;
  readonly configWce: boolean;
  /** Write cache when the device is reset. */
  readonly writeback: boolean;
  readonly discard: boolean;
  readonly maxDiscardSectors: number;
  readonly writeZeroes: boolean;
  readonly maxWriteZeroesSectors: number;
}

export function featuresOf(options: VirtioBlkOptions, isReadOnly: boolean): number[] {
  const features = [FEATURE_SEG_MAX, FEATURE_GEOMETRY, FEATURE_BLK_SIZE, FEATURE_TOPOLOGY];
  if (isReadOnly) features.push(FEATURE_RO);
  if (options.writeback || options.configWce) features.push(FEATURE_FLUSH);
  if (options.configWce) features.push(FEATURE_CONFIG_WCE);
  if (options.discard) features.push(FEATURE_DISCARD);
  if (options.writeZeroes) features.push(FEATURE_WRITE_ZEROES);
  return features;
}

/** The structure as it is now. Beyond its end all bits are 1. */
export function configBytes(options: VirtioBlkOptions, sizeBytes: number, writeback: boolean): Uint8Array {
  const bytes = new Uint8Array(ROOM_BYTES).fill(0xff);
  const view = new DataView(bytes.buffer);
  bytes.fill(0, 0, END[options.writeZeroes ? 'writeZeroes' : options.discard ? 'discard' : 'neither']);
  const blockSectors = options.logicalBlockBytes / SECTOR_BYTES;
  view.setBigUint64(0, BigInt(Math.ceil(sizeBytes / SECTOR_BYTES)), true);
  view.setUint32(12, (options.segMaxAdjust ? options.queueSize : 128) - 2, true);
  view.setUint16(16, cylindersOf(sizeBytes), true);
  view.setUint8(18, HEADS);
  view.setUint8(19, SECTORS_PER_TRACK & ~(blockSectors - 1));
  view.setUint32(20, options.logicalBlockBytes, true);
  view.setUint8(24, Math.log2(options.physicalBlockBytes / options.logicalBlockBytes));
  view.setUint16(26, options.minIoBytes / options.logicalBlockBytes, true);
  view.setUint32(28, options.optIoBytes / options.logicalBlockBytes, true);
  view.setUint8(WRITEBACK_AT, Number(writeback));
  view.setUint16(34, 1, true);
  if (options.discard) {
    view.setUint32(36, options.maxDiscardSectors, true);
    view.setUint32(40, 1, true);
    const granularity = options.discardGranularityBytes ?? options.logicalBlockBytes;
    view.setUint32(44, granularity / SECTOR_BYTES, true);
  }
  if (options.writeZeroes) {
    view.setUint32(48, options.maxWriteZeroesSectors, true);
    view.setUint32(52, 1, true);
    view.setUint8(56, 1);
  }
  return bytes;
}

function cylindersOf(sizeBytes: number): number {
  const cylinders = Math.floor(sizeBytes / SECTOR_BYTES / HEADS / SECTORS_PER_TRACK);
  return Math.min(MAX_CYLINDERS, Math.max(2, cylinders));
}
