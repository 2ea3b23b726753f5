/**
 * What a machine has open on the host: chardevs, network backends, block nodes, and the devices on them. They live on
 * through resets and restores and are closed with the machine.
 */

import { closeFd } from '../../native/index.js';
import { type BlockIoReport, BlockLayer } from '../block/block-layer.js';
import { BlockNodes } from '../block/nodes.js';
import { CarriedDescriptors } from '../carried.js';
import type { Chardev } from '../chardev/chardev.js';
import { openChardev } from '../chardev/open.js';
import { borrowFdSets } from '../descriptors/open-path.js';
import { MacAddresses } from '../net/mac-addresses.js';
import { Netdevs } from '../net/netdevs.js';
import type { NetworkEvent } from '../net/report.js';
import { textOf } from '../options/device-type.js';
import type { ChardevOptions, DeviceOptions, NetdevOptions, VmmOptions } from '../options/options.js';
import { isOfVhostUser, vhostUserChardevOf } from '../options/vhost-user.js';
import type { StatefulPart } from '../state/description.js';
import { Carriers } from './carriers.js';
import type { Becoming, Change } from './change.js';
import type { DeviceEvent } from './device-event.js';
import {
  closeDevices,
  type DeviceContext,
  drainDevices,
  type OpenDevice,
  openDevice,
  openDevices,
} from './devices.js';
import type { WorkerSettings } from './protocol.js';

/**
 * Console output kept while nobody is connected, for whoever comes next: a daemon that attaches to a VM
 * which was just handed over shall see what the guest said meanwhile.
 */
const CONSOLE_BACKLOG_BYTES = 64 * 1024;

/** Who hears of what happens behind the devices. */
export interface BackendEvents {
  /** Before the guest does. */
  blockFailed(report: BlockIoReport): void;
  network(event: NetworkEvent): void;
  device(event: DeviceEvent): void;
  /** A line for the operator. */
  report(message: string): void;
}

export class Backends {
  readonly blocks: BlockLayer;
  readonly netdevs: Netdevs;
  readonly carriers: Carriers;
  readonly #settings: WorkerSettings;
  readonly #events: BackendEvents;
  readonly #received: CarriedDescriptors;
  readonly #macs = new MacAddresses();
  readonly #chardevs: Chardev[] = [];
  readonly #devices: OpenDevice[] = [];
  #runs = false;
  /** It has never run here, and comes from somewhere else. */
  #awaitsGuest: boolean;

  constructor(settings: WorkerSettings, events: BackendEvents) {
    this.#settings = settings;
    this.#events = events;
    this.#awaitsGuest = settings.incoming;
    this.#received = new CarriedDescriptors(settings.received);
    const nodes = new BlockNodes(this.#received, settings.incoming);
    this.blocks = new BlockLayer(nodes, (report) => events.blockFailed(report));
    const told = {
      connected: (netdev: string) => events.network({ event: 'connected', netdev }),
      disconnected: (netdev: string) => events.network({ event: 'disconnected', netdev }),
    };
    this.netdevs = new Netdevs(this.#received, told, settings.incoming);
    this.carriers = new Carriers(() => [
      ...this.#chardevs,
      nodes,
      this.netdevs,
      ...this.#devices.flatMap(({ carrier }) => carrier ?? []),
    ]);
  }

  /** Opens what the command line names. Rejects with a sentence; what is open then is closed by `close`. */
  async open(): Promise<void> {
    const { options } = this.#settings;
    const forgetFdSets = borrowFdSets(options.addFds);
    for (const chardev of options.chardevs) {
      if (isOpenedHere(chardev, options)) await this.#openChardev(chardev, options);
    }
    this.blocks.open(options);
    for (const netdev of options.netdevs) this.netdevs.open(netdev);
    this.#devices.push(...(await openDevices(this.#context(options))));
    // A monitor may close them from now on.
    forgetFdSets();
    if (!this.#settings.incoming) this.#closeRest();
  }

  get devices(): readonly OpenDevice[] {
    return this.#devices;
  }

  chardev(id: string | null): Chardev | null {
    return this.#chardevs.find((chardev) => chardev.id === id) ?? null;
  }

  /** Paths of the terminals that chardevs are, by id. */
  get terminals(): Record<string, string> {
    return Object.fromEntries(
      this.#chardevs.flatMap(({ id, terminal }) => (terminal ? [[id, terminal]] : [])),
    );
  }

  /** What of them travels with the guest's state. */
  get parts(): readonly StatefulPart[] {
    return [...this.#chardevs.flatMap(({ part }) => part ?? []), ...this.netdevs.parts];
  }

  /** Resolves when the host works at nothing for the devices any more. */
  drain(): Promise<void> {
    return drainDevices(this.#devices);
  }

  /** Told before the guest runs and after it was stopped. */
  guestRuns(runs: boolean): void {
    this.#runs = runs;
    if (runs) this.#awaitsGuest = false;
    this.carriers.guestRuns(runs);
  }

  /** Its state is here, and everything that belongs to it: what nobody has taken is of no use. */
  guestHasCome(): void {
    this.#closeRest();
  }

  /** Opens something more; a device is to be plugged in then. Rejects with a sentence: nothing is open then. */
  async add(
    change: Extract<Change, { add: string }>,
    { options, fdSets }: Becoming,
  ): Promise<OpenDevice | null> {
    const forgetFdSets = borrowFdSets(fdSets);
    try {
      if (change.add === 'node') this.blocks.nodes.open(change.node);
      else if (change.add === 'netdev') this.#addNetdev(change.netdev);
      else if (change.add === 'chardev') await this.#addChardev(change.chardev, options);
      else return await this.#addDevice(change.device, options);
      return null;
    } finally {
      forgetFdSets();
    }
  }

  /** Nobody uses it. */
  async remove(kind: 'chardev' | 'netdev' | 'node', id: string): Promise<void> {
    if (kind === 'node') this.blocks.nodes.close(id);
    else if (kind === 'netdev') this.netdevs.close(id);
    else await this.#letGo(id);
  }

  deviceIn(slot: number): OpenDevice {
    const found = this.#devices.find((device) => device.slot === slot);
    if (found === undefined) throw new Error(`there is no device in virtio-mmio slot ${slot}`);
    return found;
  }

  /** It is unplugged. */
  async removeDevice(device: OpenDevice): Promise<void> {
    this.#devices.splice(this.#devices.indexOf(device), 1);
    await device.close();
  }

  async close(): Promise<void> {
    await closeDevices(this.#devices);
    this.netdevs.closeAll();
    this.blocks.closeAll();
    await Promise.all(this.#chardevs.map((chardev) => chardev.close()));
  }

  /** A descriptor that is given is ours: also when one came with the guest. */
  #addNetdev(netdev: NetdevOptions): void {
    const isCarried = this.#received.left.some(({ name }) => name === `netdev/${netdev.id}`);
    this.netdevs.open(netdev);
    if (isCarried && netdev.type !== 'vhost-user' && netdev.fd !== null) closeFd(netdev.fd);
  }

  async #addChardev(chardev: ChardevOptions, options: VmmOptions): Promise<void> {
    const opened = await this.#openChardev(chardev, options);
    if (this.#runs) opened.guestRuns(true);
  }

  async #addDevice(device: DeviceOptions, options: VmmOptions): Promise<OpenDevice> {
    // It speaks with the socket itself, which has one client.
    const socket = vhostUserChardevOf(device, options.netdevs);
    if (socket !== null) await this.#letGo(socket);
    const opened = await openDevice(device, this.#context(options));
    if (this.#runs) opened.carrier?.guestRuns(true);
    this.#devices.push(opened);
    return opened;
  }

  async #letGo(id: string): Promise<void> {
    const at = this.#chardevs.findIndex((chardev) => chardev.id === id);
    const [chardev] = at < 0 ? [] : this.#chardevs.splice(at, 1);
    await chardev?.close();
  }

  async #openChardev(chardev: ChardevOptions, { devices }: VmmOptions): Promise<Chardev> {
    const user = devices.find(({ values }) => textOf(values, 'chardev') === chardev.id);
    // Who comes to a program's port later shall not hear what was said to somebody else.
    const backlogBytes = user?.driver === 'virtserialport' ? 0 : CONSOLE_BACKLOG_BYTES;
    const awaitsGuest = this.#awaitsGuest;
    const opened = await openChardev(chardev, { backlogBytes, awaitsGuest, received: this.#received });
    this.#chardevs.push(opened);
    return opened;
  }

  #context(options: VmmOptions): DeviceContext {
    return {
      options,
      received: this.#received,
      chardevs: this.#chardevs,
      blocks: this.blocks,
      netdevs: this.netdevs,
      macs: this.#macs,
      ramFd: this.#settings.ramFd,
      announce: (event) => this.#events.device(event),
      report: (message) => this.#events.report(message),
    };
  }

  #closeRest(): void {
    const unknown = this.#received.closeRest();
    if (unknown.length === 0) return;
    this.#events.report(
      `nothing here is called ${unknown.join(', ')}: what the source handed over as that is closed`,
    );
  }
}

/** The chardevs of monitors are the main thread's; vhost-user devices speak with their sockets themselves. */
function isOpenedHere({ id }: ChardevOptions, options: VmmOptions): boolean {
  const isMonitors = options.monitors.some(({ chardev }) => chardev === id);
  return !isMonitors && !isOfVhostUser(id, options);
}
