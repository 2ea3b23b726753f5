/** The one list of all kinds of devices that can be named on the command line or plugged by a monitor. */
import { type DeviceType, VIRTIO_PROPERTIES } from './device-type.js';
import { VIRTIO_NET } from './net-device-type.js';
import { ANY_PORT, CONSOLE_DRIVER, SERIAL_DRIVER } from './serial-ports.js';

const VIRTIO_RNG: DeviceType = {
  driver: 'virtio-rng-device',
  bus: 'virtio-bus',
  description: 'entropy',
  properties: {
    rng: { type: 'link<rng-backend>', default: null },
    // QEMU's is 2^63 - 1: no limit either.
    'max-bytes': { type: 'uint64', default: Number.MAX_SAFE_INTEGER },
    period: { type: 'uint32', default: 65536, min: 1 },
    ...VIRTIO_PROPERTIES,
  },
};

const ON_ERROR = ['auto', 'report', 'ignore', 'enospc', 'stop'] as const;

const VIRTIO_BLK: DeviceType = {
  driver: 'virtio-blk-device',
  bus: 'virtio-bus',
  description: 'disk',
  properties: {
    drive: { type: 'str', default: null },
    serial: { type: 'str', default: null },
    bootindex: { type: 'int32', default: null },
    logical_block_size: { type: 'size', default: 0 },
    physical_block_size: { type: 'size', default: 0 },
    min_io_size: { type: 'size', default: 0 },
    opt_io_size: { type: 'size', default: 0 },
    discard_granularity: { type: 'size', default: 0xffff_ffff },
    'write-cache': { type: 'OnOffAuto', default: 'auto', only: ['auto', 'on', 'off'] },
    'config-wce': { type: 'bool', default: true },
    'share-rw': { type: 'bool', default: false },
    rerror: { type: 'BlockdevOnError', default: 'auto', only: ON_ERROR },
    werror: { type: 'BlockdevOnError', default: 'auto', only: ON_ERROR },
    'num-queues': { type: 'uint16', default: 1, only: [1, 0xffff] },
    'queue-size': { type: 'uint16', default: 256 },
    'seg-max-adjust': { type: 'bool', default: true },
    'request-merging': { type: 'bool', default: true },
    discard: { type: 'bool', default: true },
    'report-discard-granularity': { type: 'bool', default: true },
    'max-discard-sectors': { type: 'uint32', default: 4194303 },
    'write-zeroes': { type: 'bool', default: true },
    'max-write-zeroes-sectors': { type: 'uint32', default: 4194303 },
    ...VIRTIO_PROPERTIES,
  },
};

const VIRTIO_SERIAL: DeviceType = {
  driver: SERIAL_DRIVER,
  bus: 'virtio-bus',
  description: 'consoles, and ports to programs in the guest',
  properties: { max_ports: { type: 'uint32', default: 31, min: 1, max: 511 }, ...VIRTIO_PROPERTIES },
};

const VIRTIO_BALLOON: DeviceType = {
  driver: 'virtio-balloon-device',
  bus: 'virtio-bus',
  description: 'memory that the guest gives back',
  properties: {
    'deflate-on-oom': { type: 'bool', default: false },
    'free-page-hint': { type: 'bool', default: false, only: [false] },
    'page-poison': { type: 'bool', default: true },
    'free-page-reporting': { type: 'bool', default: false },
    ...VIRTIO_PROPERTIES,
  },
};

const VHOST_USER_BLK: DeviceType = {
  driver: 'vhost-user-blk',
  bus: 'virtio-bus',
  description: 'a disk that another process serves',
  properties: {
    chardev: { type: 'str' },
    'num-queues': { type: 'uint16', default: 1, min: 1, max: 64 },
    'queue-size': { type: 'uint32', default: 128, min: 2, max: 1024 },
    'config-wce': { type: 'bool', default: true },
    discard: { type: 'bool', default: true },
    'write-zeroes': { type: 'bool', default: true },
    ...VIRTIO_PROPERTIES,
  },
};

const PORT_PROPERTIES: DeviceType['properties'] = {
  chardev: { type: 'str', default: null },
  nr: { type: 'uint32', default: ANY_PORT },
  name: { type: 'str', default: null },
};

const VIRTCONSOLE: DeviceType = {
  driver: CONSOLE_DRIVER,
  bus: 'virtio-serial-bus',
  description: 'a console',
  properties: PORT_PROPERTIES,
};

const VIRTSERIALPORT: DeviceType = {
  driver: 'virtserialport',
  bus: 'virtio-serial-bus',
  description: 'a port to a program in the guest',
  properties: PORT_PROPERTIES,
};

export const DEVICE_TYPES: ReadonlyMap<string, DeviceType> = new Map(
  [
    VIRTIO_RNG,
    VIRTIO_BLK,
    VIRTIO_NET,
    VIRTIO_SERIAL,
    VIRTCONSOLE,
    VIRTSERIALPORT,
    VIRTIO_BALLOON,
    VHOST_USER_BLK,
  ].map((type) => [type.driver, type]),
);
