/** Opens `virtio-blk-device`: its properties, as QEMU checks them, and its disk. */
import type { Attached } from '../../block/block-layer.js';
import type { VirtioBlkOptions } from '../../devices/virtio-blk/config.js';
import { virtioBlk } from '../../devices/virtio-blk/device.js';
import { boolOf, type DeviceValues, numberOf, textOf } from '../../options/device-type.js';
import type { DeviceOptions, ErrorPolicy } from '../../options/options.js';
import type { DeviceContext, OpenPart } from '../devices.js';
import { qdevOf, qomPathOf } from '../qom-path.js';

const SECTOR_BYTES = 512;
const MAX_BLOCK_BYTES = 2 * 2 ** 20;
const MAX_QUEUE_SIZE = 1024;
const MAX_CLEAR_SECTORS = 4194303;
/** How QEMU says that nobody has given it. */
const NO_GRANULARITY = 0xffff_ffff;
/** The device is closed before this, disk or no disk. */
const CLOSE_DEADLINE_MS = 4000;

export async function openBlk(
  device: DeviceOptions,
  { options, blocks }: Pick<DeviceContext, 'options' | 'blocks'>,
): Promise<OpenPart> {
  const { values } = device;
  const reference = textOf(values, 'drive');
  if (reference === null) throw new Error('drive property not set');
  checkValues(values);
  const attachment = {
    reference,
    qdev: qdevOf(device, options.devices),
    qomPath: qomPathOf(device, options.devices),
    sharesWriting: boolOf(values, 'share-rw'),
    readErrors: policyOf(values, 'rerror'),
    writeErrors: policyOf(values, 'werror'),
  };
  const attached = blocks.attach(attachment, () => part.resized());
  const part = virtioBlk(attached.drive, optionsOf(values, attached));
  return {
    part,
    drain: () => attached.drive.drain(),
    close: async () => {
      await attached.drive.drain(CLOSE_DEADLINE_MS).catch(() => {});
      blocks.detach(attached);
    },
  };
}

function optionsOf(values: DeviceValues, { writeback }: Attached): VirtioBlkOptions {
  const logicalBlockBytes = numberOf(values, 'logical_block_size') || SECTOR_BYTES;
  const cache = textOf(values, 'write-cache');
  const granularity = numberOf(values, 'discard_granularity');
  const isGranularityTold = granularity !== NO_GRANULARITY && boolOf(values, 'report-discard-granularity');
  return {
    serial: textOf(values, 'serial') ?? '',
    logicalBlockBytes,
    physicalBlockBytes: numberOf(values, 'physical_block_size') || SECTOR_BYTES,
    minIoBytes: numberOf(values, 'min_io_size'),
    optIoBytes: numberOf(values, 'opt_io_size'),
    discardGranularityBytes: isGranularityTold ? granularity : null,
    queueSize: numberOf(values, 'queue-size'),
    segMaxAdjust: boolOf(values, 'seg-max-adjust'),
    configWce: boolOf(values, 'config-wce'),
    writeback: cache === 'auto' ? writeback : cache === 'on',
    discard: boolOf(values, 'discard'),
    maxDiscardSectors: numberOf(values, 'max-discard-sectors'),
    writeZeroes: boolOf(values, 'write-zeroes'),
    maxWriteZeroesSectors: numberOf(values, 'max-write-zeroes-sectors'),
  };
}

function policyOf(values: DeviceValues, name: string): ErrorPolicy | null {
  const word = textOf(values, name);
  return word === null || word === 'auto' ? null : (word as ErrorPolicy);
}

/** Throws in QEMU's words. */
function checkValues(values: DeviceValues): void {
  const logical = blockSize(values, 'logical_block_size') || SECTOR_BYTES;
  const physical = blockSize(values, 'physical_block_size') || SECTOR_BYTES;
  if (logical > physical) throw new Error('logical_block_size > physical_block_size not supported');
  for (const name of ['min_io_size', 'opt_io_size', 'discard_granularity']) {
    const value = numberOf(values, name);
    const isGiven = value !== 0 && value !== NO_GRANULARITY;
    if (isGiven && value % logical !== 0) throw new Error(`${name} must be a multiple of logical_block_size`);
  }
  if (numberOf(values, 'min_io_size') / logical > 0xffff) {
    throw new Error(`min_io_size must not exceed ${0xffff * logical}`);
  }
  checkQueueSize(numberOf(values, 'queue-size'));
  for (const name of ['max-discard-sectors', 'max-write-zeroes-sectors']) {
    const value = numberOf(values, name);
    if (value >= 1 && value <= MAX_CLEAR_SECTORS) continue;
    throw new Error(`invalid ${name} property (${value}), must be between 1 and ${MAX_CLEAR_SECTORS}`);
  }
}

function checkQueueSize(size: number): void {
  if (size > MAX_QUEUE_SIZE || (size & (size - 1)) !== 0 || size === 0) {
    throw new Error(`invalid queue-size property (${size}), must be a power of 2 (max ${MAX_QUEUE_SIZE})`);
  }
  if (size <= 2) throw new Error(`invalid queue-size property (${size}), must be > 2`);
}

/** 0: not given. */
function blockSize(values: DeviceValues, name: string): number {
  const value = numberOf(values, name);
  const isPower = value >= SECTOR_BYTES && value <= MAX_BLOCK_BYTES && Number.isInteger(Math.log2(value));
  if (value === 0 || isPower) return value;
  throw new Error(`parameter ${name} must be a power of 2 between ${SECTOR_BYTES} and ${MAX_BLOCK_BYTES}`);
}
