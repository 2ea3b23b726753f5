/**
 * The types of objects that this program can make, as `qom-list-types` and its relatives show them: names and parents are
 * QEMU's, properties are those that the command line really takes. Devices come from the list of `-device`.
 */
import type { DeviceType } from '../options/device-type.js';
import { DEVICE_TYPES } from '../options/device-types.js';
import { QmpError } from './error.js';

export interface TypeProperty {
  readonly name: string;
  /** In QEMU's words: `bool`, `str`, `uint32`, `link<memory-backend>`. */
  readonly type: string;
  readonly description?: string;
  readonly 'default-value'?: unknown;
}

export interface ObjectType {
  readonly name: string;
  /** Absent: a root. */
  readonly parent?: string;
  /** Only there to be a parent. */
  readonly abstract?: true;
  /** Interfaces beside the parents. */
  readonly implements?: readonly string[];
  /** Its own, without those of its parents. */
  readonly properties?: readonly TypeProperty[];
}

const TYPE: TypeProperty = { name: 'type', type: 'string' };

const ROOTS: readonly ObjectType[] = [
  { name: 'object', abstract: true, properties: [TYPE] },
  { name: 'interface', abstract: true },
  { name: 'user-creatable', parent: 'interface', abstract: true },
  { name: 'container', parent: 'object' },
  { name: 'bus', parent: 'object', abstract: true },
  { name: 'device', parent: 'object', abstract: true },
  { name: 'sys-bus-device', parent: 'device', abstract: true },
  { name: 'accel', parent: 'object', abstract: true },
  { name: 'tcg-accel', parent: 'accel', properties: [{ name: 'thread', type: 'string' }] },
];

const PROCESSORS: readonly ObjectType[] = [
  { name: 'cpu', parent: 'device', abstract: true },
  { name: 'riscv-cpu', parent: 'cpu', abstract: true },
  { name: 'riscv-dynamic-cpu', parent: 'riscv-cpu', abstract: true },
  { name: 'rv64-riscv-cpu', parent: 'riscv-dynamic-cpu' },
];

const MACHINES: readonly ObjectType[] = [
  {
    name: 'machine',
    parent: 'object',
    abstract: true,
    properties: [
      { name: 'memory-backend', type: 'link<memory-backend>', description: 'The object that is RAM' },
      {
        name: 'aux-ram-share',
        type: 'bool',
        description: 'Put memory beside RAM where others can be given it',
      },
      { name: 'dumpdtb', type: 'string', description: 'Write the device tree to this file and exit' },
      { name: 'kernel', type: 'string', description: 'What is started' },
      { name: 'initrd', type: 'string', description: 'Initial RAM disk' },
      { name: 'append', type: 'string', description: 'Command line of the kernel' },
      { name: 'dtb', type: 'string', description: 'Device tree to use instead of the built-in one' },
      { name: 'firmware', type: 'string', description: 'What is started before the kernel' },
    ],
  },
  {
    name: 'virt-machine',
    parent: 'machine',
    properties: [
      { name: 'aclint', type: 'bool', description: 'Only off: interrupts come from a CLINT' },
      { name: 'aia', type: 'string', description: 'Only none: interrupts come from a PLIC' },
    ],
  },
  { name: 'none-machine', parent: 'machine' },
];

const BACKENDS: readonly ObjectType[] = [
  {
    name: 'memory-backend',
    parent: 'object',
    abstract: true,
    properties: [
      { name: 'size', type: 'int', description: 'Bytes, or with a suffix' },
      { name: 'share', type: 'bool', description: 'Other processes can be given the memory' },
      { name: 'prealloc', type: 'bool', description: 'Touch all pages at start' },
      { name: 'reserve', type: 'bool', description: 'Accepted, the kernel decides' },
      { name: 'merge', type: 'bool', description: 'Only off' },
      { name: 'dump', type: 'bool', description: 'Accepted' },
    ],
  },
  {
    name: 'memory-backend-memfd',
    parent: 'memory-backend',
    implements: ['user-creatable'],
    properties: [
      { name: 'hugetlb', type: 'bool', description: 'Only off' },
      { name: 'seal', type: 'bool', description: 'Only off' },
    ],
  },
  {
    name: 'memory-backend-file',
    parent: 'memory-backend',
    implements: ['user-creatable'],
    properties: [
      { name: 'mem-path', type: 'string', description: 'A file, or a folder to make one in' },
      { name: 'align', type: 'int', description: 'The size is a multiple of it' },
    ],
  },
  { name: 'memory-backend-ram', parent: 'memory-backend', implements: ['user-creatable'] },
  { name: 'rng-backend', parent: 'object', abstract: true },
  { name: 'rng-builtin', parent: 'rng-backend', implements: ['user-creatable'] },
  {
    name: 'rng-random',
    parent: 'rng-backend',
    implements: ['user-creatable'],
    properties: [{ name: 'filename', type: 'string', description: 'Where bytes are read from' }],
  },
  { name: 'chardev', parent: 'object', abstract: true },
  { name: 'chardev-fd', parent: 'chardev', abstract: true },
  { name: 'chardev-socket', parent: 'chardev' },
  { name: 'chardev-null', parent: 'chardev' },
  { name: 'chardev-file', parent: 'chardev-fd' },
  { name: 'chardev-stdio', parent: 'chardev-fd' },
];

/** What is on the board has no properties to set. */
const BOARD: readonly ObjectType[] = [
  { name: 'riscv.hart_array', parent: 'sys-bus-device' },
  { name: 'riscv.aclint.swi', parent: 'sys-bus-device' },
  { name: 'riscv.aclint.mtimer', parent: 'sys-bus-device' },
  { name: 'riscv.sifive.plic', parent: 'sys-bus-device' },
  { name: 'riscv.sifive.test', parent: 'sys-bus-device' },
  { name: 'goldfish_rtc', parent: 'sys-bus-device' },
  { name: 'serial-mm', parent: 'sys-bus-device' },
  { name: 'virtio-mmio', parent: 'sys-bus-device' },
  { name: 'virtio-device', parent: 'device', abstract: true },
  { name: 'virtio-serial-port', parent: 'device', abstract: true },
];

const PARENTS: Readonly<Record<DeviceType['bus'], string>> = {
  'virtio-bus': 'virtio-device',
  'virtio-serial-bus': 'virtio-serial-port',
};

function ofDevice({ driver, bus, properties }: DeviceType): ObjectType {
  const described = Object.entries(properties).map(([name, { type, default: value = null }]) => ({
    name,
    type,
    ...(value === null ? {} : { 'default-value': value }),
  }));
  return { name: driver, parent: PARENTS[bus], properties: described };
}

export const QOM_TYPES: readonly ObjectType[] = [
  ...ROOTS,
  ...PROCESSORS,
  ...MACHINES,
  ...BACKENDS,
  ...BOARD,
  ...[...DEVICE_TYPES.values()].map(ofDevice),
];

const BY_NAME = new Map(QOM_TYPES.map((type) => [type.name, type]));

export function findType(name: string): ObjectType | undefined {
  return BY_NAME.get(name);
}

/** The type, its parent, and so on. */
function lineage(type: ObjectType): ObjectType[] {
  const parent = type.parent === undefined ? undefined : BY_NAME.get(type.parent);
  return parent === undefined ? [type] : [type, ...lineage(parent)];
}

/** Is it of that type, or has it that interface? */
export function isA(type: ObjectType, wanted: string): boolean {
  return lineage(type).some(({ name, implements: interfaces }) => {
    return name === wanted || interfaces?.includes(wanted) === true;
  });
}

/** Those of its parents first. */
export function propertiesOfType(type: ObjectType): TypeProperty[] {
  return lineage(type)
    .reverse()
    .flatMap(({ properties = [] }) => properties);
}

/** What can be said of a device when it is made. Throws `QmpError`. */
export function deviceProperties(name: string): TypeProperty[] {
  const type = findType(name);
  if (type === undefined) throw new QmpError(`Device '${name}' not found`, 'DeviceNotFound');
  if (type.abstract === true || !isA(type, 'device')) {
    throw new QmpError("Parameter 'typename' expects a non-abstract device type");
  }
  return propertiesOfType(type).filter((property) => property !== TYPE);
}
