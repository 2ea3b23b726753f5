/**
 * Reader of `-blockdev` and `blockdev-add`: block nodes as QEMU names them. A node that is declared inside of another
 * takes over what the other says of caches and writing, and passes discards on.
 *
 * Not offered: image formats but raw, drivers that are no file or device of this host, asynchronous I/O but threads.
 */
import type { Draft } from './draft.js';
import { OptionError } from './error.js';
import { Properties } from './properties.js';

export const BLOCK_DRIVERS = ['raw', 'file', 'host_device', 'null-co'] as const;

/** `ignore`: what the guest discards stays in the file. */
export type DiscardPolicy = 'ignore' | 'unmap';

interface NodeBase {
  /** `null`: declared inside of another, without a name. */
  readonly nodeName: string | null;
  readonly readOnly: boolean;
  /** Falls back to reading when writing is not allowed. */
  readonly autoReadOnly: boolean;
  /** Past the host's page cache. */
  readonly direct: boolean;
  /** Flushes are not passed on to the host's disk. */
  readonly noFlush: boolean;
  readonly discard: DiscardPolicy;
}

export interface FileNodeOptions extends NodeBase {
  readonly driver: 'file' | 'host_device';
  readonly path: string;
  readonly locking: 'auto' | 'on' | 'off';
}

export interface NullNodeOptions extends NodeBase {
  readonly driver: 'null-co';
  readonly sizeBytes: number;
  readonly readZeroes: boolean;
}

export interface RawNodeOptions extends NodeBase {
  readonly driver: 'raw';
  /** Declared here, or the name of another node. */
  readonly file: BlockNodeOptions | string;
}

export type BlockNodeOptions = RawNodeOptions | FileNodeOptions | NullNodeOptions;

/** Offered by QEMU; their images are served to this program by QEMU's storage daemon. */
const FORMATS_ELSEWHERE = [
  ...['qcow2', 'qcow', 'qed', 'vmdk', 'vdi', 'vhdx', 'vpc', 'parallels', 'dmg', 'bochs', 'cloop', 'luks'],
  ...['nbd', 'ssh', 'iscsi', 'rbd', 'nfs', 'curl', 'http', 'https', 'ftp', 'nvme', 'null-aio', 'throttle'],
  ...[
    'blkdebug',
    'blkverify',
    'quorum',
    'replication',
    'copy-on-read',
    'compress',
    'preallocate',
    'snapshot-access',
  ],
  ...['host_cdrom', 'io_uring', 'virtio-blk-vhost-user', 'virtio-blk-vfio-pci', 'virtio-blk-vhost-vdpa'],
];
const DEFAULT_NULL_BYTES = 2 ** 30;
const NODE_NAME = /^[A-Za-z][A-Za-z0-9._-]{0,30}$/;

export function readBlockdev(draft: Draft, option: string, text: string): void {
  draft.blockdevs.push(readBlockNode(option, text));
}

/** One node with those inside of it. Throws `OptionError`. */
export function readBlockNode(option: string, text: string): BlockNodeOptions {
  const properties = new Properties(option, text, 'driver');
  const node = readNode(properties, '', ROOT);
  if (node.nodeName === null) throw properties.error("'node-name' must be specified for the root node");
  properties.end();
  return node;
}

type Inherited = Omit<NodeBase, 'nodeName'>;

const ROOT: Inherited = {
  readOnly: false,
  autoReadOnly: false,
  direct: false,
  noFlush: false,
  discard: 'ignore',
};

function readNode(properties: Properties, prefix: string, inherited: Inherited): BlockNodeOptions {
  const driver = readDriver(properties, prefix);
  const base = readBase(properties, prefix, inherited);
  if (driver === 'raw') return { ...base, driver, file: readFile(properties, prefix, base) };
  if (driver === 'null-co') {
    const range = { min: 0, max: Number.MAX_SAFE_INTEGER };
    const sizeBytes = properties.integer(`${prefix}size`, DEFAULT_NULL_BYTES, range);
    return { ...base, driver, sizeBytes, readZeroes: properties.bool(`${prefix}read-zeroes`, false) };
  }
  const path = properties.requiredString(`${prefix}filename`);
  return { ...base, driver, path, ...readHostOptions(properties, prefix) };
}

function readDriver(properties: Properties, prefix: string): (typeof BLOCK_DRIVERS)[number] {
  const driver = properties.requiredString(`${prefix}driver`);
  const found = BLOCK_DRIVERS.find((name) => name === driver);
  if (found !== undefined) return found;
  if (!FORMATS_ELSEWHERE.includes(driver)) {
    throw properties.error(`Parameter '${prefix}driver' does not accept value '${driver}'`);
  }
  throw properties.error(formatElsewhere(driver));
}

export function formatElsewhere(format: string): string {
  return (
    `driver '${format}' is not offered, have ${BLOCK_DRIVERS.join(', ')}: ` +
    'qemu-storage-daemon can open it and serve it over vhost-user-blk'
  );
}

function readBase(properties: Properties, prefix: string, inherited: Inherited): NodeBase {
  const nodeName = properties.string(`${prefix}node-name`);
  if (nodeName !== null && !NODE_NAME.test(nodeName)) {
    throw properties.error(`Invalid node-name: '${nodeName}'`);
  }
  properties.only(`${prefix}detect-zeroes`, 'off');
  properties.only(`${prefix}force-share`, 'off');
  return {
    nodeName,
    readOnly: properties.bool(`${prefix}read-only`, inherited.readOnly),
    autoReadOnly: properties.bool(`${prefix}auto-read-only`, inherited.autoReadOnly),
    direct: properties.bool(`${prefix}cache.direct`, inherited.direct),
    noFlush: properties.bool(`${prefix}cache.no-flush`, inherited.noFlush),
    discard: properties.oneOf(`${prefix}discard`, 'ignore', 'unmap') ?? inherited.discard,
  };
}

function readFile(properties: Properties, prefix: string, base: NodeBase): BlockNodeOptions | string {
  const reference = properties.string(`${prefix}file`);
  if (reference !== null) return reference;
  if (properties.string(`${prefix}file.driver`) === null) {
    throw properties.error(`Parameter '${prefix}file' is missing`);
  }
  return readNode(properties, `${prefix}file.`, { ...base, discard: 'unmap' });
}

/** What files and devices of the host have in common; also for the `file.` options of `-drive`. */
export function readHostOptions(properties: Properties, prefix: string): Pick<FileNodeOptions, 'locking'> {
  properties.only(`${prefix}aio`, 'threads');
  properties.only(`${prefix}x-check-cache-dropped`, 'off');
  return { locking: properties.oneOf(`${prefix}locking`, 'auto', 'on', 'off') ?? 'auto' };
}

/** Names of all nodes are different. Throws `OptionError`. */
export function checkNodeNames(nodes: readonly BlockNodeOptions[]): void {
  const names = nodes.flatMap(namesIn);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new OptionError('-blockdev', `Duplicate nodes with node-name='${twice}'`);
}

function namesIn(node: BlockNodeOptions): string[] {
  const own = node.nodeName === null ? [] : [node.nodeName];
  return node.driver === 'raw' && typeof node.file !== 'string' ? [...own, ...namesIn(node.file)] : own;
}
