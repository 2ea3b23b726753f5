/** Readers of the options about serial ports, monitors and the chardevs behind them. */
import type { Draft } from './draft.js';
import { OptionError } from './error.js';
import type { ChardevOptions } from './options.js';
import { Properties } from './properties.js';
import { checkSocketPath } from './socket-path.js';

/** QEMU's rule; and names of what is handed over are made of it, so it has an end. */
const IDENTIFIER = /^[A-Za-z][A-Za-z0-9_.-]{0,127}$/;

export function readChardev(draft: Draft, option: string, text: string): void {
  add(draft, option, readChardevOptions(option, text));
}

/** One chardev. Throws `OptionError`. */
export function readChardevOptions(option: string, text: string): ChardevOptions {
  const properties = new Properties(option, text, 'backend');
  const backend = properties.requiredString('backend');
  const id = properties.requiredString('id');
  if (!IDENTIFIER.test(id)) throw properties.error(`parameter 'id' expects an identifier, got '${id}'`);
  return complete(properties, chardev(properties, backend, id));
}

export function readSerial(draft: Draft, option: string, text: string): void {
  draft.serialGiven = true;
  if (text === 'none') return;
  if (text.startsWith('mon:')) {
    throw new OptionError(
      option,
      `'${text}': sharing a port with the monitor is not offered, use ${text.slice(4)}`,
    );
  }
  draft.serials.push(shortForm(draft, option, text, `serial${draft.serials.length}`));
}

export function readQmp(draft: Draft, option: string, text: string, pretty: boolean): void {
  if (text === 'none') return;
  const chardev = shortForm(draft, option, text, `compat_monitor${draft.monitors.length}`);
  draft.monitors.push({ chardev, mode: 'control', pretty });
}

export function readMonitor(draft: Draft, option: string, text: string): void {
  if (text === 'none') return;
  const chardev = shortForm(draft, option, text, `compat_monitor${draft.monitors.length}`);
  draft.monitors.push({ chardev, mode: 'readline', pretty: false });
}

export function readMon(draft: Draft, option: string, text: string): void {
  const properties = new Properties(option, text, 'chardev');
  const chardev = properties.requiredString('chardev');
  const mode = properties.string('mode') ?? 'readline';
  if (mode !== 'control' && mode !== 'readline') {
    throw properties.error(`parameter 'mode' must be 'control' or 'readline', got '${mode}'`);
  }
  const pretty = properties.bool('pretty', false);
  if (pretty && mode === 'readline') throw properties.error(`parameter 'pretty' needs 'mode=control'`);
  draft.monitors.push({ chardev, mode, pretty });
  properties.end();
}

/** `-serial` and `-qmp` take `kind[:what]`; all but `chardev:ID` make a chardev of their own. */
function shortForm(draft: Draft, option: string, text: string, id: string): string {
  const colon = text.indexOf(':');
  const kind = colon < 0 ? text : text.slice(0, colon);
  const rest = colon < 0 ? '' : text.slice(colon + 1);
  if (kind === 'chardev') return rest;
  if (kind === 'unix' || kind === 'file') {
    const properties = new Properties(option, rest, 'path');
    add(draft, option, complete(properties, chardev(properties, kind === 'unix' ? 'socket' : 'file', id)));
  } else if (text === 'stdio' || text === 'null' || text === 'pty') {
    const properties = new Properties(option, text, 'backend');
    properties.string('backend');
    add(draft, option, complete(properties, chardev(properties, text, id)));
  } else {
    throw new OptionError(
      option,
      `'${text}' is not offered, have unix:PATH, file:PATH, pty, stdio, null, chardev:ID`,
    );
  }
  return id;
}

function complete(properties: Properties, chardev: ChardevOptions): ChardevOptions {
  properties.end();
  return chardev;
}

function add(draft: Draft, option: string, chardev: ChardevOptions): void {
  if (draft.chardevs.some(({ id }) => id === chardev.id)) {
    throw new OptionError(option, `duplicate chardev id '${chardev.id}'`);
  }
  draft.chardevs.push(chardev);
}

function chardev(properties: Properties, backend: string, id: string): ChardevOptions {
  const base = {
    id,
    logfile: properties.string('logfile'),
    logAppend: properties.bool('logappend', false),
  };
  properties.only('mux', 'off');
  switch (backend) {
    case 'null':
    case 'pty':
      return { ...base, backend };
    case 'stdio':
      return { ...base, backend, signal: properties.bool('signal', true) };
    case 'file':
      return {
        ...base,
        backend,
        path: properties.requiredString('path'),
        append: properties.bool('append', false),
        inputPath: properties.string('input-path'),
      };
    case 'socket':
      return { ...base, ...socket(properties) };
    default:
      throw properties.error(`backend '${backend}' is not offered, have socket, file, pty, stdio, null`);
  }
}

function socket(properties: Properties) {
  const path = properties.requiredString('path');
  checkSocketPath(properties, path);
  const server = properties.bool('server', false);
  if (!server && properties.string('wait') !== null) {
    throw properties.error(`parameter 'wait' needs 'server=on'`);
  }
  const reconnectMs = properties.integer('reconnect-ms', 0, { min: 0, max: 3_600_000 });
  if (server && reconnectMs > 0) throw properties.error(`parameter 'reconnect-ms' needs 'server=off'`);
  return {
    backend: 'socket',
    path,
    server,
    wait: server && properties.bool('wait', true),
    reconnectMs,
  } as const;
}
