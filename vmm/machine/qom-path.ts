/** How monitors call a device: by its id, or by its place among those that have none. */
import type { DeviceOptions } from '../options/options.js';

type Device = Pick<DeviceOptions, 'id'>;

export function qomPathOf(device: Device, devices: readonly Device[]): string {
  if (device.id !== null) return `/machine/peripheral/${device.id}`;
  const index = devices.filter(({ id }) => id === null).indexOf(device);
  return `/machine/peripheral-anon/device[${index}]`;
}

export function qdevOf(device: Device, devices: readonly Device[]): string {
  return device.id ?? qomPathOf(device, devices);
}
