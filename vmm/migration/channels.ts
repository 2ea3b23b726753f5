/** Where a migration goes to or comes from: arguments `uri` and `channels` of the migration commands. */
import { QmpError } from '../qmp/error.js';
import type { MigrationAddress, MigrationChannel } from '../qmp/protocol.js';
import type { ArgumentType } from '../qmp/schema.js';
import { type Address, checkFilePath, checkOffset, checkPort, checkSocketPath, parseUri } from './address.js';

export const CHANNEL_LIST: ArgumentType = {
  array: {
    struct: {
      'channel-type': { type: { enum: ['main', 'cpr'] } },
      addr: {
        type: {
          tag: 'transport',
          variants: {
            socket: {
              tag: 'type',
              variants: {
                unix: { path: { type: 'str' } },
                inet: { host: { type: 'str' }, port: { type: 'str' } },
                fd: { str: { type: 'str' } },
              },
            },
            exec: { args: { type: { array: 'str' } } },
            file: { filename: { type: 'str' }, offset: { type: 'int' } },
          },
        },
      },
    },
  },
};

export interface Channels {
  readonly main: Address | null;
  readonly cpr: Address | null;
}

/** Where `fd:NAME` finds its descriptor. */
export interface NameSource {
  take(name: string): number | null;
}

/** Reads checked arguments: exactly one of `uri` and `channels`, each channel once. */
export function readChannels(uri: string | undefined, channels: unknown, names: NameSource): Channels {
  if ((uri === undefined) === (channels === undefined)) {
    throw new QmpError("need either 'uri' or 'channels' argument");
  }
  try {
    if (uri !== undefined) return { main: named(parseUri(uri), names), cpr: null };
    const { main, cpr } = readList(channels as readonly MigrationChannel[]);
    return { main: main && named(main, names), cpr };
  } catch (error) {
    throw new QmpError((error as Error).message, 'GenericError', { cause: error });
  }
}

/** A name is looked up when the channel is opened: then the descriptor is used, and the name is free. */
function named(address: Address, names: NameSource): Address {
  return address.kind === 'fd' ? { ...address, take: () => names.take(address.name) } : address;
}

function readList(channels: readonly MigrationChannel[]): Channels {
  const found: { main: Address | null; cpr: Address | null } = { main: null, cpr: null };
  for (const { 'channel-type': type, addr } of channels) {
    if (found[type] !== null) throw new Error(`Channel list has more than one ${type} entry`);
    found[type] = readAddress(addr);
  }
  return found;
}

function readAddress(address: MigrationAddress): Address {
  switch (address.transport) {
    case 'exec':
      if (address.args.length === 0) throw new Error('expected exec to name a program, got no argument');
      return { kind: 'exec', args: address.args };
    case 'file':
      return {
        kind: 'file',
        path: checkFilePath(address.filename),
        offsetBytes: checkOffset(address.offset),
      };
    case 'socket':
      if (address.type === 'fd') return { kind: 'fd', name: address.str };
      if (address.type === 'inet') {
        return { kind: 'inet', host: address.host, port: checkPort(address.port) };
      }
      return { kind: 'unix', path: checkSocketPath(address.path) };
  }
}
