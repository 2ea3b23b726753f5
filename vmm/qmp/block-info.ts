/** Disks as `query-block`, `query-named-block-nodes` and `query-blockstats` show them, in QEMU's shapes. */
import type { BlockStats } from '../block/accounting.js';
import type { DiskDescription, DisksDescription, NodeDescription } from '../block/describe.js';
import type { Members } from './schema.js';

const LIMITS = {
  'request-alignment': { type: 'int' },
  'min-mem-alignment': { type: 'int' },
  'opt-mem-alignment': { type: 'int' },
  'max-iov': { type: 'int' },
} as const;
const IMAGE_INFO: Members = {
  filename: { type: 'str' },
  format: { type: 'str' },
  'dirty-flag': { type: 'bool' },
  'actual-size': { type: 'int' },
  'virtual-size': { type: 'int' },
  limits: { type: { struct: LIMITS } },
};
const CACHE = {
  writeback: { type: 'bool' },
  direct: { type: 'bool' },
  'no-flush': { type: 'bool' },
} as const;
const CHILD = { child: { type: 'str' }, 'node-name': { type: 'str' } } as const;

export const BLOCK_DEVICE_INFO: Members = {
  file: { type: 'str' },
  'node-name': { type: 'str' },
  ro: { type: 'bool' },
  drv: { type: 'str' },
  backing_file_depth: { type: 'int' },
  children: { type: { array: { struct: CHILD } } },
  active: { type: 'bool' },
  encrypted: { type: 'bool' },
  detect_zeroes: { type: { enum: ['off', 'on', 'unmap'] } },
  bps: { type: 'int' },
  bps_rd: { type: 'int' },
  bps_wr: { type: 'int' },
  iops: { type: 'int' },
  iops_rd: { type: 'int' },
  iops_wr: { type: 'int' },
  image: { type: { struct: IMAGE_INFO } },
  cache: { type: { struct: CACHE } },
  write_threshold: { type: 'int' },
};

export const BLOCK_INFO: Members = {
  device: { type: 'str' },
  qdev: { type: 'str', optional: true },
  type: { type: 'str' },
  removable: { type: 'bool' },
  locked: { type: 'bool' },
  inserted: { type: { struct: BLOCK_DEVICE_INFO } },
  'io-status': { type: { enum: ['ok', 'failed', 'nospace'] }, optional: true },
};

const STAT_NAMES = [
  ...['rd_bytes', 'wr_bytes', 'unmap_bytes', 'rd_operations', 'wr_operations', 'unmap_operations'],
  ...[
    'flush_operations',
    'rd_total_time_ns',
    'wr_total_time_ns',
    'flush_total_time_ns',
    'unmap_total_time_ns',
  ],
  ...['wr_highest_offset', 'rd_merged', 'wr_merged', 'unmap_merged'],
  ...['failed_rd_operations', 'failed_wr_operations', 'failed_unmap_operations', 'failed_flush_operations'],
  ...[
    'invalid_rd_operations',
    'invalid_wr_operations',
    'invalid_unmap_operations',
    'invalid_flush_operations',
  ],
];
const STATS: Members = Object.fromEntries([
  ...STAT_NAMES.map((name) => [name, { type: 'int' }] as const),
  ['account_invalid', { type: 'bool' }] as const,
  ['account_failed', { type: 'bool' }] as const,
  ['timed_stats', { type: { array: 'any' } }] as const,
]);

export const BLOCK_STATS: Members = {
  device: { type: 'str', optional: true },
  qdev: { type: 'str', optional: true },
  'node-name': { type: 'str' },
  stats: { type: { struct: STATS } },
};

export function blockInfo(disk: DiskDescription, { nodes }: DisksDescription): object {
  const node = nodes.find(({ name }) => name === disk.node);
  return {
    ...(disk.status === null ? {} : { 'io-status': disk.status }),
    device: disk.driveId ?? '',
    locked: false,
    removable: disk.qdev === null,
    ...(node === undefined ? {} : { inserted: blockDeviceInfo(node) }),
    ...(disk.qdev === null ? {} : { qdev: disk.qdev }),
    type: 'unknown',
  };
}

export function blockDeviceInfo(node: NodeDescription): object {
  const alignment = node.isFile && !node.direct ? 1 : 512;
  return {
    file: node.filename,
    'node-name': node.name,
    ro: node.isReadOnly,
    drv: node.driver,
    backing_file_depth: 0,
    children: node.file === null ? [] : [{ 'node-name': node.file, child: 'file' }],
    active: node.isActive,
    encrypted: false,
    detect_zeroes: 'off',
    ...{ bps: 0, bps_rd: 0, bps_wr: 0, iops: 0, iops_rd: 0, iops_wr: 0 },
    image: {
      filename: node.filename,
      format: node.driver,
      'dirty-flag': false,
      'actual-size': node.actualBytes,
      'virtual-size': node.sizeBytes,
      limits: {
        'request-alignment': node.direct ? 512 : 1,
        'min-mem-alignment': alignment,
        'opt-mem-alignment': 4096,
        'max-iov': 1024,
      },
    },
    cache: { writeback: true, direct: node.direct, 'no-flush': node.noFlush },
    write_threshold: 0,
  };
}

export function blockStats({ driveId, qdev, node, stats }: DiskDescription): object {
  return {
    device: driveId ?? '',
    ...(qdev === null ? {} : { qdev }),
    'node-name': node,
    stats: statsOf(stats, qdev !== null),
  };
}

function statsOf({ rd, wr, flush, unmap, highestWritten }: BlockStats, isUsed: boolean): object {
  return {
    ...{ rd_bytes: rd.bytes, wr_bytes: wr.bytes, unmap_bytes: unmap.bytes },
    ...{ rd_operations: rd.operations, wr_operations: wr.operations },
    ...{ unmap_operations: unmap.operations, flush_operations: flush.operations },
    ...{ rd_total_time_ns: rd.totalNs, wr_total_time_ns: wr.totalNs },
    ...{ flush_total_time_ns: flush.totalNs, unmap_total_time_ns: unmap.totalNs },
    ...{ wr_highest_offset: highestWritten, rd_merged: 0, wr_merged: 0, unmap_merged: 0 },
    ...{ failed_rd_operations: rd.failed, failed_wr_operations: wr.failed },
    ...{ failed_unmap_operations: unmap.failed, failed_flush_operations: flush.failed },
    ...{ invalid_rd_operations: rd.invalid, invalid_wr_operations: wr.invalid },
    ...{ invalid_unmap_operations: unmap.invalid, invalid_flush_operations: flush.invalid },
    ...{ account_invalid: isUsed, account_failed: isUsed, timed_stats: [] },
  };
}
