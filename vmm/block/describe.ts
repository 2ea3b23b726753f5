/** What monitors show of disks, as plain data that crosses threads. */
import type { BlockStats } from './accounting.js';
import type { BlockLayer } from './block-layer.js';
import type { IoStatus } from './drive.js';
import { FileImage } from './file-image.js';
import type { BlockNode } from './nodes.js';

export interface NodeDescription {
  readonly name: string;
  readonly driver: string;
  /** The path; for what is no file, in QEMU's way. */
  readonly filename: string;
  readonly isFile: boolean;
  readonly isReadOnly: boolean;
  readonly isActive: boolean;
  readonly direct: boolean;
  readonly noFlush: boolean;
  readonly sizeBytes: number;
  /** Taken up on the host. */
  readonly actualBytes: number;
  /** Name of the node below. */
  readonly file: string | null;
}

/** A device with its disk, or a drive that none has. */
export interface DiskDescription {
  readonly driveId: string | null;
  readonly node: string;
  readonly qdev: string | null;
  readonly status: IoStatus | null;
  readonly stats: BlockStats;
}

export interface DisksDescription {
  readonly nodes: readonly NodeDescription[];
  readonly disks: readonly DiskDescription[];
}

const UNUSED = { operations: 0, bytes: 0, totalNs: 0, failed: 0, invalid: 0 } as const;
const NO_STATS: BlockStats = { rd: UNUSED, wr: UNUSED, flush: UNUSED, unmap: UNUSED, highestWritten: 0 };

export function describeDisks({ nodes, drives, attached }: BlockLayer): DisksDescription {
  const devices = attached.map(({ drive, node, attachment, driveId }): DiskDescription => {
    const { status, stats } = drive;
    return { driveId, node: node.name, qdev: attachment.qdev, status, stats };
  });
  const unused = drives
    .filter(({ options }) => devices.every(({ driveId }) => driveId !== options.id))
    .map(({ options, node }): DiskDescription => {
      return { driveId: options.id, node: node.name, qdev: null, status: null, stats: NO_STATS };
    });
  const disks = [...devices, ...unused].sort(
    (a, b) => Number(a.driveId === null) - Number(b.driveId === null),
  );
  return { nodes: nodes.list().map((node) => describeNode(node, nodes.areActive)), disks };
}

function describeNode(node: BlockNode, isActive: boolean): NodeDescription {
  const { name, options, image, file } = node;
  return {
    name,
    driver: options.driver,
    filename: filenameOf(node),
    isFile: image instanceof FileImage,
    isReadOnly: options.readOnly || image.isReadOnly,
    isActive,
    direct: options.direct,
    noFlush: options.noFlush,
    sizeBytes: image.sizeBytes,
    actualBytes: image instanceof FileImage ? image.actualBytes : 0,
    file: file?.name ?? null,
  };
}

function filenameOf({ options, image, file }: BlockNode): string {
  if (file !== null) return filenameOf(file);
  if (options.driver !== 'null-co') return image.path ?? '';
  return `json:{"driver": "null-co", "size": ${options.sizeBytes}}`;
}
