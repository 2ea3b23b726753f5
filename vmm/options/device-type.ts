/**
 * Kinds of devices that `-device` and `device_add` take, as data: one declaration per kind says which properties it has,
 * what they may be and what they are by default. Reading a command line, `device-list-properties`, `info qtree` and
 * the QOM tree come from it. Names are QEMU's.
 */
import type { Properties } from './properties.js';

export type PropertyValue = string | number | boolean | null;

/** QEMU's words for types, as `device-list-properties` shows them. */
export type PropertyTypeName =
  | 'bool'
  | 'str'
  | 'size'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'int32'
  | 'OnOffAuto'
  | 'BlockdevOnError'
  | (string & {});

export interface DeviceProperty {
  readonly type: PropertyTypeName;
  /** What it is when it is not given; absent: it must be given. */
  readonly default?: PropertyValue;
  /** Words or numbers that are accepted; absent: all of the type. */
  readonly only?: readonly PropertyValue[];
  /** For numbers. */
  readonly min?: number;
  readonly max?: number;
}

export interface DeviceType {
  /** What `-device` says. */
  readonly driver: string;
  /** Where it goes: a virtio-mmio slot, or a port of a virtio-serial device. */
  readonly bus: 'virtio-bus' | 'virtio-serial-bus';
  readonly description: string;
  readonly properties: Readonly<Record<string, DeviceProperty>>;
}

export type DeviceValues = Readonly<Record<string, PropertyValue>>;

/** What all virtio devices have; only what is true here is accepted. */
export const VIRTIO_PROPERTIES: DeviceType['properties'] = {
  indirect_desc: { type: 'bool', default: true, only: [true] },
  event_idx: { type: 'bool', default: true, only: [true] },
  notify_on_empty: { type: 'bool', default: true },
  any_layout: { type: 'bool', default: true },
  iommu_platform: { type: 'bool', default: false, only: [false] },
  packed: { type: 'bool', default: false, only: [false] },
};

const LIMITS: Readonly<Record<string, number>> = {
  uint8: 0xff,
  uint16: 0xffff,
  uint32: 0xffff_ffff,
  int32: 0x7fff_ffff,
  // What a number holds exactly; nothing that is offered needs more.
  uint64: Number.MAX_SAFE_INTEGER,
};

/** Takes the properties of a kind from an option. Throws `OptionError`; what is left over is the caller's. */
export function readDeviceValues({ properties: declared }: DeviceType, given: Properties): DeviceValues {
  const values = Object.entries(declared).map(([name, property]) => {
    const value = readValue(given, name, property);
    checkAllowed(given, name, property, value);
    return [name, value] as const;
  });
  return Object.fromEntries(values);
}

function readValue(given: Properties, name: string, property: DeviceProperty): PropertyValue {
  if (given.string(name) === null) {
    if (property.default === undefined) throw given.error(`parameter '${name}' is missing`);
    return property.default;
  }
  if (property.type === 'bool') return given.bool(name, false);
  if (property.type === 'size') return given.size(name, 'b');
  const limit = LIMITS[property.type];
  if (limit === undefined) return given.string(name);
  return given.integer(name, 0, { min: property.min ?? 0, max: property.max ?? limit });
}

function checkAllowed(given: Properties, name: string, { only }: DeviceProperty, value: PropertyValue): void {
  if (only === undefined || only.includes(value)) return;
  const words = only.map((word) => `'${typeof word === 'boolean' ? (word ? 'on' : 'off') : word}'`);
  throw given.error(`parameter '${name}' supports only ${words.join(', ')}, got '${given.string(name)}'`);
}

/** Typed access to what `readDeviceValues` has checked. */
export function textOf(values: DeviceValues, name: string): string | null {
  const value = values[name] ?? null;
  return value === null ? null : String(value);
}

export function numberOf(values: DeviceValues, name: string): number {
  const value = values[name];
  if (typeof value !== 'number')
    throw new TypeError(`expected property '${name}' to be a number, got ${value}`);
  return value;
}

export function boolOf(values: DeviceValues, name: string): boolean {
  return values[name] === true;
}
