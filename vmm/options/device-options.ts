/**
 * Readers of `-device` and of the `-object`s that are no memory, and where devices go: a virtio device takes the slot
 * that it names, or the highest free one, as in QEMU, so that the same line gives the same machine.
 */
import { VIRTIO_MMIO_COUNT } from '../layout.js';
import { type DeviceValues, readDeviceValues } from './device-type.js';
import { DEVICE_TYPES } from './device-types.js';
import type { Draft } from './draft.js';
import { OptionError } from './error.js';
import { Properties } from './properties.js';
import { placePort } from './serial-ports.js';

export interface DeviceOptions {
  readonly driver: string;
  /** `null`: nobody named it. */
  readonly id: string | null;
  /** Virtio devices: number of the virtio-mmio slot. Others: `null`. */
  readonly slot: number | null;
  /** As given, `null`: wherever there is room. Of a port that has its place: the bus it is on. */
  readonly bus: string | null;
  readonly values: DeviceValues;
}

const SLOT = /^virtio-mmio-bus\.(\d+)$/;

export function readDevice(draft: Draft, option: string, text: string): void {
  draft.devices.push(readDeviceOptions(option, text));
}

/** One device, not yet placed. Throws `OptionError`. */
export function readDeviceOptions(option: string, text: string): DeviceOptions {
  const properties = new Properties(option, text, 'driver');
  const driver = properties.requiredString('driver');
  const type = DEVICE_TYPES.get(driver);
  if (type === undefined) throw properties.error(`'${driver}' is not a valid device model name`);
  const id = properties.string('id');
  const bus = properties.string('bus');
  const values = readDeviceValues(type, properties);
  properties.end();
  return { driver, id, bus, slot: null, values };
}

/** Gives each virtio device its slot. Throws `OptionError`. */
export function placeDevices(devices: readonly DeviceOptions[]): DeviceOptions[] {
  const placed: DeviceOptions[] = [];
  for (const device of devices) placed.push(placeDevice(device, placed));
  return placed;
}

/** `others` are there already. Throws `OptionError`. */
export function placeDevice(device: DeviceOptions, others: readonly DeviceOptions[]): DeviceOptions {
  const { driver, id, bus } = device;
  if (id !== null && others.some((other) => other.id === id)) {
    throw new OptionError('-device', `duplicate device ID '${id}'`);
  }
  if (DEVICE_TYPES.get(driver)?.bus === 'virtio-serial-bus') return placePort(device, others);
  if (driver === 'virtio-balloon-device' && others.some((other) => other.driver === driver)) {
    throw new OptionError('-device', 'Only one balloon device is supported');
  }
  const taken = new Set(others.map(({ slot }) => slot));
  return { ...device, slot: bus === null ? freeSlot(taken, driver) : namedSlot(taken, bus) };
}

function freeSlot(taken: ReadonlySet<number | null>, driver: string): number {
  for (let slot = VIRTIO_MMIO_COUNT - 1; slot >= 0; slot--) if (!taken.has(slot)) return slot;
  throw new OptionError('-device', `No 'virtio-bus' bus found for device '${driver}': all slots are in use`);
}

function namedSlot(taken: ReadonlySet<number | null>, bus: string): number {
  const slot = Number(SLOT.exec(bus)?.[1] ?? Number.NaN);
  if (!(slot < VIRTIO_MMIO_COUNT)) throw new OptionError('-device', `Bus '${bus}' not found`);
  if (taken.has(slot)) throw new OptionError('-device', `Bus '${bus}' is full`);
  return slot;
}
