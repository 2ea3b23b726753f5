/** Readers of the options about being the target of a migration. */
import { type Address, parseUri } from '../migration/address.js';
import type { Draft } from './draft.js';
import { OptionError } from './error.js';
import { Properties } from './properties.js';
import { checkSocketPath } from './socket-path.js';

/** `defer`, a URI, or a channel as JSON or as a property list. May be given once per channel. */
export function readIncoming(draft: Draft, option: string, text: string): void {
  draft.incoming ??= { main: null, cpr: null };
  if (text === 'defer') {
    draft.incoming.main = { kind: 'defer' };
  } else if (text.startsWith('{') || /^(main|cpr|channel-type=)/.test(text)) {
    readChannel(draft.incoming, new Properties(option, text, 'channel-type'));
  } else {
    draft.incoming.main = readUri(option, text);
  }
}

/** `unix:PATH`: the cpr channel, as the first series had it. */
export function readCprUri(draft: Draft, option: string, text: string): void {
  const address = readUri(option, text);
  if (address.kind !== 'unix') throw new OptionError(option, 'bad cpr channel socket type; must be unix');
  draft.incoming ??= { main: null, cpr: null };
  draft.incoming.cpr = { path: address.path };
}

function readUri(option: string, text: string): Address {
  try {
    return parseUri(text);
  } catch (error) {
    throw new OptionError(option, (error as Error).message);
  }
}

function readChannel(incoming: NonNullable<Draft['incoming']>, properties: Properties): void {
  const channel = properties.requiredString('channel-type');
  if (channel !== 'main' && channel !== 'cpr') {
    throw properties.error(`parameter 'channel-type' does not accept value '${channel}'`);
  }
  const address = readAddress(properties, properties.requiredString('addr.transport'));
  properties.end();
  if (channel === 'main') incoming.main = address;
  else if (address.kind === 'unix') incoming.cpr = { path: address.path };
  else throw properties.error('bad cpr channel socket type; must be unix');
}

function readAddress(properties: Properties, transport: string): Address {
  switch (transport) {
    case 'file':
      return {
        kind: 'file',
        path: properties.requiredString('addr.filename'),
        offsetBytes: properties.integer('addr.offset', 0, { min: 0, max: Number.MAX_SAFE_INTEGER }),
      };
    case 'socket':
      properties.only('addr.type', 'unix', 'inet', 'fd');
      if (properties.string('addr.type') === 'fd') {
        return { kind: 'fd', name: properties.requiredString('addr.str') };
      }
      if (properties.string('addr.type') === 'inet') {
        const host = properties.string('addr.host') ?? '';
        return { kind: 'inet', host, port: String(properties.integer('addr.port', 0, PORTS)) };
      }
      return { kind: 'unix', path: socketPath(properties, 'addr.path') };
    default:
      throw properties.error(`transport '${transport}' is not offered here, have socket and file`);
  }
}

const PORTS = { min: 0, max: 65_535 };

function socketPath(properties: Properties, name: string): string {
  const path = properties.requiredString(name);
  checkSocketPath(properties, path);
  return path;
}

const MIGRATION_GLOBALS = {
  'x-events': 'events',
  'x-return-path': 'return-path',
  'x-ignore-shared': 'x-ignore-shared',
} as const;

/** `driver.property=value`, or the three by name: defaults of the migration object, and QEMU's way to ask for virtio 1. */
export function readGlobal(draft: Draft, option: string, text: string): void {
  const short = /^([^.=,]+)\.([^=]+)=(.*)$/.exec(text);
  const long = short ? `driver=${short[1]},property=${short[2]},value=${short[3]}` : text;
  const properties = new Properties(option, long, null);
  const driver = properties.requiredString('driver');
  const property = properties.requiredString('property');
  if (driver === 'virtio-mmio' && property === 'force-legacy') {
    properties.only('value', 'off', 'false', 'no');
    properties.end();
    return;
  }
  if (driver !== 'migration' || !Object.hasOwn(MIGRATION_GLOBALS, property)) {
    throw properties.error(`unknown property '${driver}.${property}'`);
  }
  const value = properties.bool('value', false);
  properties.end();
  draft.migrationDefaults[MIGRATION_GLOBALS[property as keyof typeof MIGRATION_GLOBALS]] = value;
}
