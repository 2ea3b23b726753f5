/** Where a migration goes to or comes from: arguments `uri` and `channels` of the migration commands. */
import { QmpError } from '../qmp/error.js';
import type { MigrationChannel } from '../qmp/protocol.js';
import type { ArgumentType } from '../qmp/schema.js';

/** The kernel's limit for the path of a unix socket, without the final NUL. */
const MAX_PATH_BYTES = 107;

export const CHANNEL_LIST: ArgumentType = {
  array: {
    struct: {
      'channel-type': { type: { enum: ['main', 'cpr'] } },
      addr: {
        type: {
          tag: 'transport',
          variants: { socket: { tag: 'type', variants: { unix: { path: { type: 'str' } } } } },
        },
      },
    },
  },
};

/** Paths of unix sockets. */
export interface Channels {
  readonly main: string | null;
  readonly cpr: string | null;
}

/** Reads checked arguments: exactly one of `uri` and `channels`, each channel once. */
export function readChannels(uri: string | undefined, channels: unknown): Channels {
  if ((uri === undefined) === (channels === undefined)) {
    throw new QmpError("exactly one of the arguments 'uri' and 'channels' is needed");
  }
  if (uri !== undefined) return { main: readUri(uri), cpr: null };
  const found: { main: string | null; cpr: string | null } = { main: null, cpr: null };
  for (const channel of channels as readonly MigrationChannel[]) {
    const type = channel['channel-type'];
    if (found[type] !== null) throw new QmpError(`Channel list has more than one ${type} entry`);
    found[type] = checkPath(channel.addr.path);
  }
  return found;
}

function readUri(uri: string): string {
  const path = /^unix:(.+)$/s.exec(uri)?.[1];
  if (path === undefined) {
    throw new QmpError(
      `expected 'uri' to be unix:PATH, got '${uri}': other transports are not supported yet`,
    );
  }
  return checkPath(path);
}

function checkPath(path: string): string {
  const sizeBytes = Buffer.byteLength(path);
  if (sizeBytes === 0 || sizeBytes > MAX_PATH_BYTES || path.includes('\0')) {
    throw new QmpError(`expected the path of a unix socket of 1 to ${MAX_PATH_BYTES} bytes, got '${path}'`);
  }
  return path;
}
