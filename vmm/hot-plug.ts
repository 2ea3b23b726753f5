/**
 * Changes of the VM while it is there, as monitors order them: each is read like the option of the command line, checked
 * against what there is, done by the machine, and is part of the configuration then. Complaints are QEMU's.
 *
 * Guarantees: one after the other, never while a migration is under way in either direction; one that fails changes
 * nothing.
 */
import { closeSync, constants } from 'node:fs';
import type { Configuration } from './configuration.js';
import { fdSets, openPath } from './descriptors/open-path.js';
import { deviceNotFound, inWordsOfQemu, notHotPluggable, readDevice } from './hot-plug-words.js';
import type { Change } from './machine/change.js';
import { qomPathOf } from './machine/qom-path.js';
import { openBackend } from './memory/guest-memory.js';
import { systemReason } from './migration/system-reason.js';
import { checkNodeNames, readBlockNode } from './options/block-options.js';
import { readChardevOptions } from './options/chardev-options.js';
import { placeDevice } from './options/device-options.js';
import { textOf } from './options/device-type.js';
import { isRngOptions, readObjectOptions } from './options/machine-options.js';
import { readNetdevOptions } from './options/netdev-options.js';
import type { AddFdOptions, DeviceOptions, MemoryBackendOptions, VmmOptions } from './options/options.js';
import { SERIAL_DRIVER, serialBusOf } from './options/serial-ports.js';
import { QmpError } from './qmp/error.js';
import type { EventHub } from './qmp/events.js';
import type { VmControl } from './vm-control.js';

const DEVICE_ID = /^[A-Za-z][A-Za-z0-9_.-]{0,127}$/;

export interface HotPlugOptions {
  readonly configuration: Configuration;
  readonly vm: VmControl;
  readonly events: EventHub;
  isMigrating(): boolean;
}

/** Null in place of a change: the machine does not see it. */
interface Plan {
  readonly change: Change | null;
  readonly becomes: Partial<VmmOptions>;
}

export class HotPlug {
  readonly #options: HotPlugOptions;
  /** Descriptors behind the memory that was added. */
  readonly #memory = new Map<string, number>();

  constructor(options: HotPlugOptions) {
    this.#options = options;
  }

  /** All `add…` take what the option of the command line takes, as text or JSON, and throw in QEMU's words. */
  addObject(text: string): Promise<void> {
    return this.#do('object-add', ({ rngs, memory }) => {
      const object = readObjectOptions('object-add', text);
      if (!DEVICE_ID.test(object.id)) throw new QmpError("Parameter 'id' expects an identifier");
      if ([...rngs, ...memory.backends].some(({ id }) => id === object.id)) {
        throw new QmpError(`attempt to add duplicate property '${object.id}' to object (type 'container')`);
      }
      if (isRngOptions(object) && object.path !== null) checkSource(object.path);
      if (isRngOptions(object)) return { change: null, becomes: { rngs: [...rngs, object] } };
      this.#memory.set(object.id, openMemory(object));
      return { change: null, becomes: { memory: { ...memory, backends: [...memory.backends, object] } } };
    });
  }

  removeObject(id: string): Promise<void> {
    return this.#do('object-del', ({ rngs, memory, machine, devices }) => {
      if (![...rngs, ...memory.backends].some((object) => object.id === id)) {
        throw new QmpError(`object '${id}' not found`);
      }
      if (machine.memoryBackend === id) {
        throw new QmpError(`Cannot delete host memory backend '${id}' which is mapped`);
      }
      if (userOf(devices, 'rng', id) !== undefined) {
        throw new QmpError(`object '${id}' is in use, can not be deleted`);
      }
      const fd = this.#memory.get(id);
      if (fd !== undefined) closeSync(fd);
      this.#memory.delete(id);
      const backends = memory.backends.filter((backend) => backend.id !== id);
      return {
        change: null,
        becomes: { rngs: rngs.filter((rng) => rng.id !== id), memory: { ...memory, backends } },
      };
    });
  }

  addChardev(text: string): Promise<void> {
    return this.#do('chardev-add', ({ chardevs }) => {
      const chardev = readChardevOptions('chardev-add', text);
      if (chardevs.some(({ id }) => id === chardev.id)) {
        throw new QmpError(`Chardev with id '${chardev.id}' already exists`);
      }
      if (chardev.backend === 'socket' && chardev.wait) {
        throw new QmpError(`the whole VM would wait for a client of chardev '${chardev.id}': give wait=off`);
      }
      if (chardev.backend === 'stdio' && chardevs.some(({ backend }) => backend === 'stdio')) {
        throw new QmpError('cannot use stdio by multiple character devices');
      }
      return { change: { add: 'chardev', chardev }, becomes: { chardevs: [...chardevs, chardev] } };
    });
  }

  removeChardev(id: string): Promise<void> {
    return this.#do('chardev-remove', ({ chardevs, serials, monitors, devices, netdevs }) => {
      if (!chardevs.some((chardev) => chardev.id === id)) throw new QmpError(`Chardev '${id}' not found`);
      const isBusy =
        serials.includes(id) ||
        monitors.some(({ chardev }) => chardev === id) ||
        netdevs.some((netdev) => netdev.type === 'vhost-user' && netdev.chardev === id) ||
        userOf(devices, 'chardev', id) !== undefined;
      if (isBusy) throw new QmpError(`Chardev '${id}' is busy`);
      return {
        change: { remove: 'chardev', id },
        becomes: { chardevs: chardevs.filter((chardev) => chardev.id !== id) },
      };
    });
  }

  /** `fd`: one in `text` that nobody has but the VM; it is closed when the machine does not get it. */
  async addNetdev(text: string, fd: number | null): Promise<void> {
    let left = fd;
    const plan = ({ netdevs, chardevs }: VmmOptions): Plan => {
      const netdev = readNetdevOptions('netdev_add', text);
      if (netdevs.some(({ id }) => id === netdev.id)) throw new QmpError(`Duplicate ID '${netdev.id}'`);
      if (netdev.type === 'vhost-user' && !chardevs.some(({ id }) => id === netdev.chardev)) {
        throw new QmpError(`chardev "${netdev.chardev}" not found`);
      }
      left = null;
      return { change: { add: 'netdev', netdev }, becomes: { netdevs: [...netdevs, netdev] } };
    };
    try {
      await this.#do('netdev_add', plan);
    } finally {
      if (left !== null) closeSync(left);
    }
  }

  removeNetdev(id: string): Promise<void> {
    return this.#do('netdev_del', ({ netdevs, devices }) => {
      if (!netdevs.some((netdev) => netdev.id === id)) throw deviceNotFound(id);
      if (userOf(devices, 'netdev', id) !== undefined) throw new QmpError(`Netdev '${id}' is in use`);
      return {
        change: { remove: 'netdev', id },
        becomes: { netdevs: netdevs.filter((netdev) => netdev.id !== id) },
      };
    });
  }

  addNode(text: string): Promise<void> {
    return this.#do('blockdev-add', ({ blockdevs, drives }) => {
      const node = readBlockNode('blockdev-add', text);
      checkNodeNames([...blockdevs, ...drives.map((drive) => drive.node), node]);
      return { change: { add: 'node', node }, becomes: { blockdevs: [...blockdevs, node] } };
    });
  }

  removeNode(name: string): Promise<void> {
    return this.#do('blockdev-del', ({ blockdevs, drives }) => {
      const ofDrive = drives.some(({ node }) => node.nodeName === name);
      if (ofDrive) throw new QmpError(`Node ${name} is not owned by the monitor`);
      const left = blockdevs.filter(({ nodeName }) => nodeName !== name);
      if (left.length === blockdevs.length) {
        throw new QmpError(`Failed to find node with node-name='${name}'`);
      }
      return { change: { remove: 'node', id: name }, becomes: { blockdevs: left } };
    });
  }

  addDevice(text: string): Promise<void> {
    return this.#do('device_add', (options) => {
      const given = readDevice(text);
      if (given.id !== null && !DEVICE_ID.test(given.id)) throw new QmpError(`Invalid qdev ID '${given.id}'`);
      if (given.id !== null && options.devices.some(({ id }) => id === given.id)) {
        throw new QmpError(`Duplicate device ID '${given.id}'`);
      }
      const device = placeDevice(given, options.devices);
      if (device.slot === null) throw notHotPluggable(device);
      checkBackends(device, options);
      return { change: { add: 'device', device }, becomes: { devices: [...options.devices, device] } };
    });
  }

  /** `id`, or the path of a device. Its slot is empty when this resolves. */
  async removeDevice(id: string): Promise<void> {
    let gone: readonly DeviceOptions[] = [];
    let before: readonly DeviceOptions[] = [];
    const plan = ({ devices }: VmmOptions): Plan => {
      const device = devices.find((other) => other.id === id || qomPathOf(other, devices) === id);
      if (device === undefined) throw deviceNotFound(id);
      this.#requireIdle('device_del');
      if (device.slot === null) throw notHotPluggable(device);
      const bus = device.driver === SERIAL_DRIVER ? serialBusOf(device, devices) : null;
      const ports = devices.filter((other) => other.slot === null && other.bus === bus);
      gone = [...ports, device];
      before = devices;
      const left = devices.filter((other) => !gone.includes(other));
      return { change: { remove: 'device', slot: device.slot }, becomes: { devices: left } };
    };
    await this.#inTurn(plan);
    for (const device of gone) {
      const path = qomPathOf(device, before);
      this.#options.events.emit('DEVICE_DELETED', {
        ...(device.id === null ? {} : { device: device.id }),
        path,
      });
    }
  }

  #do(name: string, plan: (options: VmmOptions) => Plan): Promise<void> {
    return this.#inTurn((options) => {
      this.#requireIdle(name);
      return plan(options);
    });
  }

  #requireIdle(name: string): void {
    if (this.#options.isMigrating()) throw new QmpError(`${name} not allowed while migrating`);
  }

  #inTurn(plan: (options: VmmOptions) => Plan): Promise<void> {
    const { configuration, vm } = this.#options;
    return vm.change(async (machine) => {
      const before = configuration.options;
      try {
        const { change, becomes } = plan(before);
        // What is added may have something to tell at once.
        configuration.replace(becomes);
        const becoming = { options: configuration.options, fdSets: setsOfNow() };
        if (change !== null) await machine.change(change, becoming);
      } catch (error) {
        configuration.replace(before);
        throw inWordsOfQemu(error as Error);
      }
    });
  }
}

function userOf(devices: readonly DeviceOptions[], property: string, id: string): DeviceOptions | undefined {
  return devices.find(({ values }) => textOf(values, property) === id);
}

/** Disks are looked for by the machine. */
function checkBackends({ driver, values }: DeviceOptions, { rngs, chardevs, devices }: VmmOptions): void {
  const rng = textOf(values, 'rng');
  if (rng !== null && !rngs.some(({ id }) => id === rng)) throw deviceNotFound(rng);
  const chardev = textOf(values, 'chardev');
  if (chardev === null) return;
  const property = `Property '${driver}.chardev' can't`;
  if (!chardevs.some(({ id }) => id === chardev)) throw new QmpError(`${property} find value '${chardev}'`);
  if (userOf(devices, 'chardev', chardev) !== undefined) {
    throw new QmpError(`${property} take value '${chardev}': chardev '${chardev}' is already in use`);
  }
}

/** Devices open it for themselves. */
function checkSource(path: string): void {
  try {
    closeSync(openPath(path, constants.O_RDONLY | constants.O_NONBLOCK));
  } catch (cause) {
    throw new QmpError(`Could not open '${path}': ${systemReason(cause)}`, 'GenericError', { cause });
  }
}

function openMemory(backend: MemoryBackendOptions): number {
  if (backend.prealloc) throw new QmpError(`${backend.id}: prealloc=on is for the command line only`);
  return openBackend(backend);
}

function setsOfNow(): AddFdOptions[] {
  return fdSets.list().flatMap(({ 'fdset-id': set, fds }) => {
    return fds.map(({ fd, opaque = null }) => ({ fd, set, opaque }));
  });
}
