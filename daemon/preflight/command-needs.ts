/**
 * What a QEMU command line asks of the binary that is given it: options, machine type, types of device and
 * object with the properties that are set, back ends. Reads the line as QEMU does, in both its forms,
 * `key=value,…` and JSON. Pure.
 */
import { isRecord } from '../../vmm/qmp/protocol.js';

/** Something named, and the names that are set on it. */
export interface Named {
  readonly name: string;
  readonly properties: readonly string[];
}

export interface CommandNeeds {
  readonly options: readonly string[];
  readonly machine: Named | null;
  readonly accelerators: readonly string[];
  readonly devices: readonly Named[];
  readonly objects: readonly Named[];
  readonly chardevs: readonly Named[];
  readonly netdevs: readonly Named[];
  readonly blockDrivers: readonly string[];
}

/** Options without an argument. One that is not here has none either when another option follows it. */
const FLAGS = new Set([
  ...[
    '-nodefaults',
    '-no-user-config',
    '-S',
    '-nographic',
    '-no-reboot',
    '-no-shutdown',
    '-enable-kvm',
    '-usb',
  ],
  ...['-s', '-only-migratable', '-full-screen', '-snapshot', '-mem-prealloc', '-no-fd-bootchk', '-daemonize'],
]);
/** Its argument is free text, which may look like an option. */
const FREE_TEXT = '-append';
/** Not properties: how a thing is named and where it hangs. */
const NOT_PROPERTIES = new Set(['id', 'bus', 'driver', 'qom-type', 'type', 'backend']);

type Draft = {
  -readonly [Key in keyof CommandNeeds]: CommandNeeds[Key] extends readonly (infer T)[]
    ? T[]
    : CommandNeeds[Key];
};

export function needsOf(args: readonly string[]): CommandNeeds {
  const needs: Draft = {
    options: [],
    machine: null,
    accelerators: [],
    devices: [],
    objects: [],
    chardevs: [],
    netdevs: [],
    blockDrivers: [],
  };
  const options = new Set<string>();
  for (let at = 0; at < args.length; at += 1) {
    const option = (args[at] as string).replace(/^--/, '-');
    options.add(option);
    const next = args[at + 1];
    if (FLAGS.has(option) || next === undefined) continue;
    if (next.startsWith('-') && option !== FREE_TEXT) continue;
    at += 1;
    add(needs, option, next);
  }
  needs.options.push(...options);
  return needs;
}

function add(needs: Draft, option: string, argument: string): void {
  if (option === '-machine' || option === '-M')
    needs.machine = merged(needs.machine, named(argument, 'type'));
  else if (option === '-accel') needs.accelerators.push(named(argument, 'accel').name);
  else if (option === '-device') needs.devices.push(named(argument, 'driver'));
  else if (option === '-object') needs.objects.push(named(argument, 'qom-type'));
  else if (option === '-chardev') needs.chardevs.push(named(argument, 'backend'));
  else if (option === '-netdev') needs.netdevs.push(named(argument, 'type'));
  else if (option === '-blockdev') needs.blockDrivers.push(...driversOf(members(argument, 'driver')));
}

/** A second one adds to the first, as an operator's does. */
function merged(first: Named | null, second: Named): Named {
  if (first === null) return second;
  const properties = [...new Set([...first.properties, ...second.properties])];
  return { name: second.name === '' ? first.name : second.name, properties };
}

function named(argument: string, nameKey: string): Named {
  const given = members(argument, nameKey);
  const name = given[nameKey];
  const properties = Object.keys(given).map((key) => key.replace(/\..*$/s, ''));
  return {
    name: typeof name === 'string' ? name : '',
    properties: [...new Set(properties)].filter((key) => key !== nameKey && !NOT_PROPERTIES.has(key)),
  };
}

/** Block devices stack: the driver of the format, and below it that of the file. */
function driversOf(node: Readonly<Record<string, unknown>>): string[] {
  const own = typeof node.driver === 'string' ? [node.driver] : [];
  return [...own, ...Object.values(node).flatMap((value) => (isRecord(value) ? driversOf(value) : []))];
}

/** `firstKey` is that of a first value that has none. */
function members(argument: string, firstKey: string): Readonly<Record<string, unknown>> {
  if (argument.startsWith('{')) {
    return parsed(argument);
  }
  const given: Record<string, string> = {};
  /* A comma that is doubled is a part of the value. */
  for (const [index, part] of (argument.match(/(?:,,|[^,])+/g) ?? []).entries()) {
    const [, key, value] = /^([^=]+)=(.*)$/s.exec(part) ?? [];
    if (key !== undefined) given[key] = (value ?? '').replaceAll(',,', ',');
    else if (index === 0) given[firstKey] = part.replaceAll(',,', ',');
    else given[part] = 'on';
  }
  return given;
}

/** What an operator wrote may be no JSON: the binary says so itself. */
function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}
