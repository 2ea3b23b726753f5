/** The one list of all kinds of devices that can be named on the command line or plugged by a monitor. */
import { type DeviceType, VIRTIO_PROPERTIES } from './device-type.js';

const VIRTIO_RNG: DeviceType = {
  driver: 'virtio-rng-device',
  bus: 'virtio-bus',
  description: 'entropy',
  properties: { rng: { type: 'link<rng-backend>', default: null }, ...VIRTIO_PROPERTIES },
};

export const DEVICE_TYPES: ReadonlyMap<string, DeviceType> = new Map(
  [VIRTIO_RNG].map((type) => [type.driver, type]),
);
