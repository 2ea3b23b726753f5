/**
 * Reader of `-drive`: a raw image under an id, with what a device on it does on errors. With `if=virtio`, which is what
 * it is without `if`, a virtio-blk device comes with it.
 */
import { type BlockNodeOptions, formatElsewhere, readHostOptions } from './block-options.js';
import { readDeviceOptions } from './device-options.js';
import type { Draft } from './draft.js';
import { Properties } from './properties.js';

/** What a failed request does: `enospc` stops the VM when the disk is full and reports the rest. */
export const ERROR_POLICIES = ['report', 'ignore', 'enospc', 'stop'] as const;
export type ErrorPolicy = (typeof ERROR_POLICIES)[number];

export interface DriveOptions {
  readonly id: string;
  readonly node: BlockNodeOptions;
  /** The guest is told of a write cache. */
  readonly writeback: boolean;
  readonly readErrors: ErrorPolicy;
  readonly writeErrors: ErrorPolicy;
}

interface CacheMode {
  readonly direct: boolean;
  readonly noFlush: boolean;
  readonly writeback: boolean;
}

const CACHE_MODES: Readonly<Record<string, CacheMode>> = {
  none: { direct: true, noFlush: false, writeback: true },
  off: { direct: true, noFlush: false, writeback: true },
  writeback: { direct: false, noFlush: false, writeback: true },
  writethrough: { direct: false, noFlush: false, writeback: false },
  directsync: { direct: true, noFlush: false, writeback: false },
  unsafe: { direct: false, noFlush: true, writeback: true },
};
const DISCARDS: Readonly<Record<string, 'ignore' | 'unmap'>> = {
  ignore: 'ignore',
  off: 'ignore',
  unmap: 'unmap',
  on: 'unmap',
};

export function readDrive(draft: Draft, option: string, text: string): void {
  const properties = new Properties(option, text, null);
  const bus = properties.string('if') ?? 'virtio';
  if (bus !== 'none' && bus !== 'virtio') {
    throw properties.error(`unsupported bus type '${bus}', have none, virtio`);
  }
  const given = properties.string('id');
  const id = given ?? `${bus}${draft.drives.filter(({ id: other }) => other.startsWith(bus)).length}`;
  if (draft.drives.some((other) => other.id === id)) {
    throw properties.error(`Duplicate ID '${id}' for drive`);
  }
  draft.drives.push({ id, ...readNode(properties), ...readPolicies(properties) });
  properties.end();
  if (bus === 'virtio') draft.devices.push(readDeviceOptions(option, `virtio-blk-device,drive=${id}`));
}

function readNode(properties: Properties): Pick<DriveOptions, 'node' | 'writeback'> {
  const path = properties.string('file') ?? properties.string('file.filename');
  if (path === null || path === '') throw properties.error('A block device must be specified for "file"');
  checkFormat(properties);
  properties.only('media', 'disk');
  properties.only('snapshot', 'off');
  properties.only('copy-on-read', 'off');
  properties.only('detect-zeroes', 'off');
  const mode = readCacheMode(properties);
  const base = {
    readOnly: properties.bool('readonly', properties.bool('read-only', false)),
    autoReadOnly: properties.bool('auto-read-only', true),
    direct: properties.bool('cache.direct', mode.direct),
    noFlush: properties.bool('cache.no-flush', mode.noFlush),
  };
  const driver = properties.oneOf('file.driver', 'file', 'host_device') ?? driverFor(path);
  const host = readHostOptions(properties, 'file.');
  properties.only('aio', 'threads');
  const file = { ...base, ...host, nodeName: null, driver, path, discard: 'unmap' } as const;
  const node = { ...base, nodeName: properties.string('node-name'), driver: 'raw', file } as const;
  const writeback = properties.bool('cache.writeback', mode.writeback);
  return { node: { ...node, discard: readDiscard(properties) }, writeback };
}

/** Without a word QEMU guesses the format; an image that a guest wrote must not be able to choose. */
function checkFormat(properties: Properties): void {
  const format = properties.string('format') ?? properties.string('driver');
  if (format === null) throw properties.error("parameter 'format' is missing: say format=raw");
  if (format !== 'raw') throw properties.error(formatElsewhere(format));
}

function readCacheMode(properties: Properties): CacheMode {
  const name = properties.string('cache') ?? 'writeback';
  const mode = Object.hasOwn(CACHE_MODES, name) ? CACHE_MODES[name] : undefined;
  if (mode === undefined) throw properties.error(`invalid cache option '${name}'`);
  return mode;
}

function readDiscard(properties: Properties): 'ignore' | 'unmap' {
  const word = properties.string('discard') ?? 'ignore';
  const policy = Object.hasOwn(DISCARDS, word) ? DISCARDS[word] : undefined;
  if (policy === undefined) throw properties.error(`Invalid discard option '${word}'`);
  return policy;
}

function readPolicies(properties: Properties): Pick<DriveOptions, 'readErrors' | 'writeErrors'> {
  const readErrors = properties.string('rerror') ?? 'report';
  const writeErrors = properties.string('werror') ?? 'enospc';
  if (!isPolicy(readErrors) || readErrors === 'enospc') {
    throw properties.error(`'${readErrors}' invalid read error action`);
  }
  if (!isPolicy(writeErrors)) throw properties.error(`'${writeErrors}' invalid write error action`);
  return { readErrors, writeErrors };
}

function isPolicy(word: string): word is ErrorPolicy {
  return (ERROR_POLICIES as readonly string[]).includes(word);
}

/** As QEMU finds out for a path: a device is not opened as a file. */
function driverFor(path: string): 'file' | 'host_device' {
  return path.startsWith('/dev/') ? 'host_device' : 'file';
}
