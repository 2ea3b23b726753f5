/**
 * The VM's objects as QMP's `qom-*` commands see them: a tree, made anew for each look from what the VM is made
 * of. Names and types are QEMU's, as far as clients use them: the machine and how it was started, memory
 * backends, the processor, the devices of the board and those that the command line adds.
 */
import type { DeviceOptions, VmmOptions } from '../options/options.js';
import { QmpError } from './error.js';
import { deviceObjects } from './qom-devices.js';

export interface QomProperty {
  /** In QEMU's words: `bool`, `string`, `link<memory-backend>`. */
  readonly type: string;
  readonly value: unknown;
  /** `ask`: only the device knows the value. `fixed`: was set when the device was made. Absent: is so. */
  readonly access?: 'ask' | 'ask and set' | 'fixed';
}

export interface QomObject {
  readonly type: string;
  readonly properties: Readonly<Record<string, QomProperty>>;
  readonly children: Readonly<Record<string, QomObject>>;
  /** Of an object that is a device of the command line. */
  readonly device?: DeviceOptions;
}

const bool = (value: boolean): QomProperty => ({ type: 'bool', value });
const int = (value: number): QomProperty => ({ type: 'int', value });
const text = (value: string): QomProperty => ({ type: 'string', value });

function object(
  type: string,
  children: QomObject['children'] = {},
  properties: QomObject['properties'] = {},
): QomObject {
  return { type, properties, children };
}

/** Devices that nobody named, in the order of the board. */
const BOARD = [
  'riscv.aclint.swi',
  'riscv.aclint.mtimer',
  'riscv.sifive.plic',
  'riscv.sifive.test',
  'goldfish_rtc',
  'serial-mm',
  ...Array<string>(8).fill('virtio-mmio'),
];

export function qomTree(options: VmmOptions): QomObject {
  const { memory, rngs, chardevs } = options;
  const backends = memory.backends.map(({ id, type, sizeBytes, share, prealloc }) => {
    const properties = { size: int(sizeBytes), share: bool(share), prealloc: bool(prealloc) };
    return [id, object(type, {}, { ...properties, merge: bool(false), dump: bool(true) })] as const;
  });
  const sources = rngs.map(({ id, type, path }) => {
    return [id, object(type, {}, path === null ? {} : { filename: text(path) })] as const;
  });
  const ofChardevs = chardevs.map(({ id, backend }) => [id, object(`chardev-${backend}`)] as const);
  return object('container', {
    machine: machineOf(options),
    objects: object('container', Object.fromEntries([...backends, ...sources])),
    chardevs: object('container', Object.fromEntries(ofChardevs)),
  });
}

function machineOf({ machine, devices: added }: VmmOptions): QomObject {
  const backend = machine.memoryBackend === null ? '' : `/objects/${machine.memoryBackend}`;
  const properties = {
    'aux-ram-share': bool(machine.auxRamShare),
    'memory-backend': { type: 'link<memory-backend>', value: backend },
  };
  const { named, unnamed } = deviceObjects(added);
  const containers = {
    peripheral: object('container', named),
    'peripheral-anon': object('container', unnamed),
  };
  if (machine.type === 'none') return object('none-machine', containers, properties);
  const devices = BOARD.map((type, index) => [`device[${index}]`, object(type)] as const);
  return object(
    'virt-machine',
    {
      ...containers,
      soc0: object(
        'riscv.hart_array',
        { 'harts[0]': object('rv64-riscv-cpu') },
        { 'num-harts': int(1), 'cpu-type': text('rv64-riscv-cpu') },
      ),
      unattached: object('container', Object.fromEntries(devices)),
    },
    properties,
  );
}

/** An absolute path, or the last part of one that only one object has. Throws `QmpError`. */
export function findObject(root: QomObject, path: string): QomObject {
  const found = path.startsWith('/') ? byPath(root, path) : byName(root, path);
  if (found.length === 1) return found[0] as QomObject;
  if (found.length > 1) throw new QmpError(`Path '${path}' is ambiguous`);
  throw new QmpError(`Device '${path}' not found`, 'DeviceNotFound');
}

function byPath(root: QomObject, path: string): QomObject[] {
  let at: QomObject | undefined = root;
  for (const name of path.split('/').filter((part) => part !== '')) {
    at = at !== undefined && Object.hasOwn(at.children, name) ? at.children[name] : undefined;
  }
  return at === undefined ? [] : [at];
}

function byName(root: QomObject, wanted: string): QomObject[] {
  return Object.entries(root.children).flatMap(([name, child]) => [
    ...(name === wanted ? [child] : []),
    ...byName(child, wanted),
  ]);
}

/** `type` is a property of every object. Throws `QmpError`. */
export function findProperty({ type, properties }: QomObject, name: string): QomProperty {
  if (name === 'type') return text(type);
  const found = Object.hasOwn(properties, name) ? properties[name] : undefined;
  if (found === undefined) throw new QmpError(`Property '${type}.${name}' not found`);
  return found;
}
