/**
 * The unix sockets that the command line of an adopted machine serves. Two of its processes live at once during an
 * upgrade, and one that quits removes the paths it made: so every process that the daemon starts gets paths of its
 * own, and the path that people know becomes a link to the newest. Pure.
 */
import { dirname, resolve } from 'node:path';
import type { InstancePaths } from '../instance.js';
import type { AdoptedLine } from '../machine.js';
import {
  escapeCommas,
  isOn,
  keyValue,
  parseOptions,
  partsOf,
  type QemuOption,
  unescapeCommas,
  withoutKeys,
} from './qemu-options.js';

/** Options whose value can be a character device in its short form. */
const STREAMS = new Set(['-qmp', '-qmp-pretty', '-monitor', '-serial', '-parallel']);
const SHORT = /^(mon:)?unix:(.*)$/s;
const SERVER_KEYS = ['server', 'wait', 'nowait', 'noserver'];

export interface ServedSocket {
  readonly option: QemuOption;
  /** As it stands in the option. */
  readonly path: string;
  /** The guest's first serial port: what it writes is to be in the console's log. */
  readonly isConsole: boolean;
}

/** Where people look for a socket, and where a process serves it. */
export interface PublishedSocket {
  readonly path: string;
  readonly servedAt: string;
}

export function servedSockets(options: readonly QemuOption[]): ServedSocket[] {
  const consoleOption = consoleOf(options);
  return options.flatMap((option) => {
    const path = servedPath(option);
    return path === null ? [] : [{ option, path, isConsole: option === consoleOption }];
  });
}

function servedPath({ name, value }: QemuOption): string | null {
  if (value === null) return null;
  if (STREAMS.has(name)) {
    const parts = partsOf(SHORT.exec(value)?.[2] ?? '');
    return isOn(parts, 'server') ? unescapeCommas(parts[0] ?? '') : null;
  }
  const parts = partsOf(value);
  if (name === '-chardev') {
    return parts[0] === 'socket' && isOn(parts, 'server') ? keyValue(parts, 'path') : null;
  }
  return name === '-vnc' && value.startsWith('unix:') ? unescapeCommas(parts[0]?.slice(5) ?? '') : null;
}

/** The option that makes the character device of the first `-serial`. */
function consoleOf(options: readonly QemuOption[]): QemuOption | undefined {
  const serial = options.find(({ name }) => name === '-serial');
  const id = /^chardev:(.*)$/s.exec(serial?.value ?? '')?.[1];
  if (id === undefined) return serial;
  return options.find(
    ({ name, value }) => name === '-chardev' && keyValue(partsOf(value ?? ''), 'id') === id,
  );
}

/** The option for another process, which serves `servedAt` and waits for no client. */
export function servedAnew(
  { option, isConsole }: ServedSocket,
  servedAt: string,
  consoleLog: string,
): QemuOption {
  const { name, value } = option;
  const at = escapeCommas(servedAt);
  const parts = partsOf(value ?? '');
  if (name === '-vnc') return { name, value: [`unix:${at}`, ...parts.slice(1)].join(',') };
  const [, mon = '', short = null] = STREAMS.has(name) ? (SHORT.exec(value ?? '') ?? []) : [];
  const others = short === null ? withoutKeys(parts, ['path']) : partsOf(short).slice(1);
  const log =
    isConsole && keyValue(others, 'logfile') === null ? [`logfile=${escapeCommas(consoleLog)}`] : [];
  const tail = [...withoutKeys(others, SERVER_KEYS), 'server=on', 'wait=off', ...log];
  const head = short === null ? [] : [`${mon}unix:${at}`];
  const path = short === null ? [`path=${at}`] : [];
  return { name, value: [...head, ...tail.slice(0, 1), ...path, ...tail.slice(1)].join(',') };
}

/** By option: where it is served by a process with these paths. */
export function servedAt(sockets: readonly ServedSocket[], { qmp }: InstancePaths): Map<QemuOption, string> {
  return new Map(sockets.map(({ option }, index) => [option, `${dirname(qmp)}/s${index}.sock`]));
}

export function publishedSockets({ args, folder }: AdoptedLine, paths: InstancePaths): PublishedSocket[] {
  const sockets = servedSockets(parseOptions(args));
  const places = servedAt(sockets, paths);
  return sockets.map(({ option, path }) => ({
    path: resolve(folder, path),
    servedAt: places.get(option) as string,
  }));
}
