/** The devices that the command line adds, as objects: by their id, or by their number among those without. */

import { DEVICE_TYPES } from '../options/device-types.js';
import type { DeviceOptions } from '../options/options.js';
import type { QomObject, QomProperty } from './qom.js';

/** By driver: what only the device itself knows. */
const LIVE: Readonly<Record<string, QomObject['properties']>> = {
  'virtio-balloon-device': {
    'guest-stats-polling-interval': { type: 'int', value: null, access: 'ask and set' },
    'guest-stats': { type: 'guest statistics', value: null, access: 'ask' },
  },
};

/** Objects below `/machine/peripheral` and `/machine/peripheral-anon`. */
export function deviceObjects(devices: readonly DeviceOptions[]): {
  readonly named: QomObject['children'];
  readonly unnamed: QomObject['children'];
} {
  const withId = devices.filter(({ id }) => id !== null);
  const others = devices.filter(({ id }) => id === null);
  return {
    named: Object.fromEntries(withId.map((device) => [device.id, objectOf(device)])),
    unnamed: Object.fromEntries(others.map((device, index) => [`device[${index}]`, objectOf(device)])),
  };
}

function objectOf(device: DeviceOptions): QomObject {
  const { driver, values } = device;
  const declared = Object.entries(DEVICE_TYPES.get(driver)?.properties ?? {}).map(([name, { type }]) => {
    const value = values[name] ?? '';
    const isLink = type.startsWith('link<') && value !== '';
    const property: QomProperty = { type, value: isLink ? `/objects/${value}` : value, access: 'fixed' };
    return [name, property] as const;
  });
  const properties = {
    realized: { type: 'bool', value: true },
    hotplugged: { type: 'bool', value: false },
    hotpluggable: { type: 'bool', value: false },
    ...Object.fromEntries(declared),
    ...LIVE[driver],
  };
  return { type: driver, properties, children: {}, device };
}
