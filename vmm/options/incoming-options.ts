/** Readers of the options about being the target of a migration. */
import type { Draft } from './draft.js';
import { OptionError } from './error.js';
import { Properties } from './properties.js';
import { checkSocketPath } from './socket-path.js';

/** `defer`, `unix:PATH`, or a channel as JSON or as a property list. May be given once per channel. */
export function readIncoming(draft: Draft, option: string, text: string): void {
  draft.incoming ??= { main: null, cpr: null };
  if (text === 'defer') {
    draft.incoming.main = { kind: 'defer' };
    return;
  }
  if (text.startsWith('unix:')) {
    const properties = new Properties(option, text.slice(5), 'path');
    draft.incoming.main = { kind: 'unix', path: socketPath(properties, 'path') };
    properties.end();
    return;
  }
  if (!text.startsWith('{') && !/^(main|cpr|channel-type=)/.test(text)) {
    throw new OptionError(option, `'${text}' is not offered, have defer, unix:PATH or a main or cpr channel`);
  }
  readChannel(draft.incoming, new Properties(option, text, 'channel-type'));
}

function readChannel(incoming: NonNullable<Draft['incoming']>, properties: Properties): void {
  const channel = properties.requiredString('channel-type');
  if (channel !== 'main' && channel !== 'cpr') {
    throw properties.error(`parameter 'channel-type' does not accept value '${channel}'`);
  }
  properties.only('addr.transport', 'socket');
  properties.only('addr.type', 'unix');
  const path = socketPath(properties, 'addr.path');
  properties.end();
  if (channel === 'cpr') incoming.cpr = { path };
  else incoming.main = { kind: 'unix', path };
}

function socketPath(properties: Properties, name: string): string {
  const path = properties.requiredString(name);
  checkSocketPath(properties, path);
  return path;
}

const MIGRATION_GLOBALS = { 'x-events': 'events', 'x-return-path': 'returnPath' } as const;

/** `driver.property=value`, or the three by name. Only the migration object has globals here. */
export function readGlobal(draft: Draft, option: string, text: string): void {
  const short = /^([^.=,]+)\.([^=]+)=(.*)$/.exec(text);
  const long = short ? `driver=${short[1]},property=${short[2]},value=${short[3]}` : text;
  const properties = new Properties(option, long, null);
  const driver = properties.requiredString('driver');
  const property = properties.requiredString('property');
  if (driver !== 'migration' || !Object.hasOwn(MIGRATION_GLOBALS, property)) {
    throw properties.error(`unknown property '${driver}.${property}'`);
  }
  const value = properties.bool('value', false);
  properties.end();
  draft.migrationDefaults[MIGRATION_GLOBALS[property as keyof typeof MIGRATION_GLOBALS]] = value;
}
