/**
 * What a QEMU command line asks of the binary that is given it: options, machine type, types of device and
 * object with the properties that are set, back ends. Reads the line as QEMU does, in both its forms,
 * `key=value,…` and JSON. Pure.
 */
import { isRecord } from '../../vmm/qmp/protocol.js';
import { parseOptions } from '../instance/qemu-options.js';

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

/** In a machine's value, but the accelerator's. */
const OF_ACCELERATOR = new Set([
  'accel',
  'kernel-irqchip',
  'kernel_irqchip',
  'kvm-shadow-mem',
  'igd-passthru',
]);
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
  for (const { name, value } of parseOptions(args)) {
    if (name === '') continue;
    options.add(name);
    if (value !== null) add(needs, name, value);
  }
  needs.options.push(...options);
  return needs;
}

function add(needs: Draft, option: string, argument: string): void {
  if (option === '-machine' || option === '-M') addMachine(needs, argument);
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

/** A part of what stands there is not the machine's: QEMU hands it to the accelerator. */
function addMachine(needs: Draft, argument: string): void {
  const { name, properties } = named(argument, 'type');
  const own = { name, properties: properties.filter((property) => !OF_ACCELERATOR.has(property)) };
  needs.machine = merged(needs.machine, own);
  const { accel } = members(argument, 'type');
  /* Several are tried one after the other. */
  if (typeof accel === 'string' && !accel.includes(':')) needs.accelerators.push(accel);
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
