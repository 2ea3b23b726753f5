/** Readers of `-netdev`: how the machine's network devices reach a network. */
import type { Draft } from './draft.js';
import { OptionError } from './error.js';
import { Properties } from './properties.js';
import { checkSocketPath } from './socket-path.js';

interface NetdevBase {
  readonly id: string;
}

export interface TapOptions extends NetdevBase {
  readonly type: 'tap';
  /** Exactly one of these two: an interface that is there, or a descriptor of one. */
  readonly interfaceName: string | null;
  readonly fd: number | null;
  /** Headers before the frames; null: if the interface can have them. */
  readonly header: boolean | null;
  /** 0: without a limit. */
  readonly sendBufferBytes: number;
}

export interface StreamOptions extends NetdevBase {
  readonly type: 'stream';
  /** Exactly one of these two: where somebody listens, or a connection. */
  readonly path: string | null;
  readonly fd: number | null;
  /** Milliseconds between attempts, 0 for none after the first. */
  readonly reconnectMs: number;
}

export interface VhostUserNetdevOptions extends NetdevBase {
  readonly type: 'vhost-user';
  /** A socket of the process that has the queues. */
  readonly chardev: string;
}

export type NetdevOptions = TapOptions | StreamOptions | VhostUserNetdevOptions;

export const NETDEV_TYPES = ['tap', 'stream', 'vhost-user'] as const;

const ID = /^[a-z][a-z0-9._-]*$/i;
const MAX_ID_BYTES = 127;
const MAX_INT32 = 2 ** 31 - 1;
/** The kernel's limit of interface names. */
const MAX_INTERFACE_BYTES = 15;

export function readNetdev(draft: Draft, option: string, text: string): void {
  const options = readNetdevOptions(option, text);
  if (draft.netdevs.some(({ id }) => id === options.id)) {
    throw new OptionError(option, `Duplicate ID '${options.id}'`);
  }
  draft.netdevs.push(options);
}

/** One backend. Throws `OptionError`. */
export function readNetdevOptions(option: string, text: string): NetdevOptions {
  const properties = new Properties(option, text, 'type');
  const type = properties.requiredString('type');
  const id = properties.requiredString('id');
  if (!ID.test(id) || id.length > MAX_ID_BYTES) {
    throw properties.error(
      `Parameter 'id' expects an identifier: letters, digits, '-', '.', '_', starting with a letter, got '${id}'`,
    );
  }
  const options = typed(properties, type, id);
  properties.end();
  return options;
}

function typed(properties: Properties, type: string, id: string): NetdevOptions {
  if (type === 'tap') return tap(properties, id);
  if (type === 'stream') return stream(properties, id);
  if (type === 'vhost-user') return vhostUser(properties, id);
  throw properties.error(`network backend '${type}' is not offered, have ${NETDEV_TYPES.join(', ')}`);
}

function tap(properties: Properties, id: string): TapOptions {
  const interfaceName = properties.string('ifname');
  const fd = descriptor(properties, 'fd');
  const header = properties.string('vnet_hdr') === null ? null : properties.bool('vnet_hdr', true);
  const scripts = [properties.string('script'), properties.string('downscript')];
  if (
    fd !== null &&
    (interfaceName !== null || header !== null || scripts.some((script) => script !== null))
  ) {
    throw properties.error('ifname=, script=, downscript=, vnet_hdr= are invalid with fd=');
  }
  properties.only('script', 'no');
  properties.only('downscript', 'no');
  properties.only('vhost', 'off');
  properties.only('vhostforce', 'off');
  properties.only('queues', '1');
  if (fd === null && !isInterface(interfaceName)) {
    throw properties.error(
      `expected ifname= of an interface that is there (1 to ${MAX_INTERFACE_BYTES} bytes), or fd=, got '${interfaceName ?? ''}'`,
    );
  }
  const sendBufferBytes = properties.size('sndbuf', 'b') ?? 0;
  if (sendBufferBytes > MAX_INT32) {
    throw properties.error(`parameter 'sndbuf' is at most ${MAX_INT32}, got '${sendBufferBytes}'`);
  }
  return { type: 'tap', id, interfaceName, fd, header, sendBufferBytes };
}

function isInterface(name: string | null): boolean {
  return name !== null && name !== '' && Buffer.byteLength(name) <= MAX_INTERFACE_BYTES;
}

function stream(properties: Properties, id: string): StreamOptions {
  properties.only('server', 'off');
  const type = properties.string('addr.type');
  if (type === null) throw properties.error(`Parameter 'addr.type' is missing`);
  if (type !== 'unix' && type !== 'fd') {
    throw properties.error(`address type '${type}' is not offered, have unix, fd`);
  }
  const path = type === 'unix' ? properties.requiredString('addr.path') : null;
  if (path !== null) checkSocketPath(properties, path);
  properties.only('addr.abstract', 'off');
  const fd = type === 'fd' ? descriptor(properties, 'addr.str') : null;
  if (type === 'fd' && fd === null) throw properties.error(`Parameter 'addr.str' is missing`);
  const reconnectMs = properties.integer('reconnect-ms', 0, { min: 0, max: 3_600_000 });
  return { type: 'stream', id, path, fd, reconnectMs };
}

function vhostUser(properties: Properties, id: string): VhostUserNetdevOptions {
  const chardev = properties.requiredString('chardev');
  properties.only('queues', '1');
  properties.only('vhostforce', 'on');
  return { type: 'vhost-user', id, chardev };
}

function descriptor(properties: Properties, name: string): number | null {
  if (properties.string(name) === null) return null;
  return properties.integer(name, 0, { min: 0, max: MAX_INT32 });
}
