/**
 * Opens what `-device` names: finds its backend and makes the part that the machine plugs into a slot. Whatever fails
 * names the device, and leaves nothing open.
 */
import type { BlockLayer } from '../block/block-layer.js';
import type { CarriedDescriptors, Carrier } from '../carried.js';
import type { Chardev } from '../chardev/chardev.js';
import type { VirtioPart } from '../devices/virtio/device.js';
import type { NetLink } from '../devices/virtio-net/link.js';
import type { MacAddresses } from '../net/mac-addresses.js';
import type { Netdevs } from '../net/netdevs.js';
import type { DeviceOptions, VmmOptions } from '../options/options.js';
import type { DeviceEvent } from './device-event.js';
import type { DeviceQuestion } from './device-question.js';
import { openBalloon } from './devices/balloon.js';
import { openBlk } from './devices/blk.js';
import { openNet } from './devices/net.js';
import { openRng } from './devices/rng.js';
import { openSerial } from './devices/serial.js';
import { openVhostUserBlk } from './devices/vhost-user-blk.js';
import type { PluggedPart } from './machine.js';

/** A device's part with the backend behind it. */
export interface OpenPart {
  readonly part: VirtioPart;
  /** Absent: nothing of it goes with the guest. */
  readonly carrier?: Carrier;
  /** It is a network device. */
  readonly nic?: Nic;
  /** Resolves when the host works at nothing for the device any more; it is paused and starts nothing new. */
  drain(): Promise<void>;
  /** Absent: there is nothing to ask it. */
  answer?(question: DeviceQuestion): unknown;
  close(): Promise<void>;
}

/** A network device and what is plugged into it, by its id. */
export interface Nic {
  readonly link: NetLink;
  readonly netdev: string | null;
}

export interface OpenDevice extends OpenPart, PluggedPart {
  readonly options: DeviceOptions;
}

/** What a device is opened with. */
export interface DeviceContext {
  readonly options: VmmOptions;
  /** What came with the guest. */
  readonly received: CarriedDescriptors;
  readonly blocks: BlockLayer;
  readonly netdevs: Netdevs;
  readonly macs: MacAddresses;
  /** Those that no monitor has; each has one user. */
  readonly chardevs: readonly Chardev[];
  /** The descriptor behind guest RAM; `null`: nobody else can have it. */
  readonly ramFd: number | null;
  announce(event: DeviceEvent): void;
  /** A line for the operator. */
  report(message: string): void;
}

type Open = (device: DeviceOptions, context: DeviceContext) => Promise<OpenPart>;

const OPENERS: Readonly<Record<string, Open>> = {
  'virtio-rng-device': openRng,
  'virtio-blk-device': openBlk,
  'virtio-net-device': openNet,
  'virtio-serial-device': openSerial,
  'virtio-balloon-device': openBalloon,
  'vhost-user-blk': openVhostUserBlk,
};

export async function openDevices(context: DeviceContext): Promise<OpenDevice[]> {
  const opened: OpenDevice[] = [];
  try {
    for (const device of context.options.devices) {
      if (device.slot !== null) opened.push(await openDevice(device, context));
    }
    return opened;
  } catch (error) {
    await closeDevices(opened);
    throw error;
  }
}

export async function openDevice(device: DeviceOptions, context: DeviceContext): Promise<OpenDevice> {
  const open = OPENERS[device.driver];
  if (open === undefined || device.slot === null) {
    throw new Error(`device '${device.driver}' does not go into a virtio-mmio slot`);
  }
  try {
    return { ...(await open(device, context)), slot: device.slot, options: device };
  } catch (cause) {
    const name = device.id === null ? device.driver : `${device.driver} '${device.id}'`;
    throw new Error(`device ${name}: ${(cause as Error).message}`, { cause });
  }
}

export async function drainDevices(devices: readonly OpenDevice[]): Promise<void> {
  await Promise.all(devices.map((device) => device.drain()));
}

export async function closeDevices(devices: readonly OpenDevice[]): Promise<void> {
  await Promise.all(devices.map((device) => device.close()));
}
