/**
 * All network backends of a machine, by their ids. They come and go while it runs, and outlive the devices that use
 * them; one that nobody uses is allowed. Where a guest is awaited, those that got nothing early are opened later.
 */
import type { CarriedDescriptor, CarriedDescriptors, Carrier, CarryOutcome } from '../carried.js';
import type { NetdevOptions } from '../options/netdev-options.js';
import type { StateDescription, StatefulPart } from '../state/description.js';
import { AwaitedNetdev } from './awaited-netdev.js';
import { isResting, type Netdev, type NetdevEvents, type NetdevState, netdevState } from './netdev.js';
import { StreamNetdev } from './stream.js';
import { TapNetdev } from './tap.js';
import { vhostUserNetdev } from './vhost-user.js';

interface Entry {
  readonly netdev: Netdev;
  readonly description: StateDescription<NetdevState>;
  /** Whom it belongs to, in words. */
  user: string | null;
}

export class Netdevs implements Carrier {
  readonly goesLate = true;
  readonly #received: CarriedDescriptors;
  #awaitsGuest: boolean;
  readonly #events: NetdevEvents;
  readonly #entries = new Map<string, Entry>();

  /** `awaitsGuest`: until `openAwaited` or `arrive`. */
  constructor(received: CarriedDescriptors, events: NetdevEvents, awaitsGuest = false) {
    this.#received = received;
    this.#awaitsGuest = awaitsGuest;
    this.#events = events;
  }

  /** Throws with a sentence; nothing is open then. */
  open(options: NetdevOptions): Netdev {
    const { id } = options;
    if (this.#entries.has(id)) throw new Error(`Duplicate ID '${id}'`);
    const carried = this.#received.take(nameOf(options));
    const open = (descriptor: number | null) => this.#make(options, descriptor);
    const isAwaited = this.#awaitsGuest && carried === null && options.type !== 'vhost-user';
    const netdev = isAwaited ? new AwaitedNetdev(options, open) : open(carried);
    this.#entries.set(id, { netdev, description: netdevState(id), user: null });
    return netdev;
  }

  #make(options: NetdevOptions, carried: number | null): Netdev {
    try {
      if (options.type === 'vhost-user') return vhostUserNetdev(options);
      return options.type === 'tap'
        ? new TapNetdev(options, carried)
        : new StreamNetdev(options, carried, this.#events);
    } catch (cause) {
      throw new Error(`netdev '${options.id}': ${(cause as Error).message}`, { cause });
    }
  }

  /** Nothing will come for those that wait. Idempotent. Throws with a sentence: one cannot be opened. */
  openAwaited(): void {
    for (const netdev of this.#awaited) netdev.open();
    this.#awaitsGuest = false;
  }

  /**
   * The guest's state is here. Opens those that still wait: with what came for them, else as at a boot. Throws with a
   * sentence; what was opened until then is closed by `leave`.
   */
  arrive(received: CarriedDescriptors): void {
    for (const netdev of this.#awaited) netdev.arrive(received, nameOf(netdev.options));
    this.#awaitsGuest = false;
  }

  /** The guest stays with its source, and with it what `arrive` has opened. */
  leave(): void {
    for (const netdev of this.#awaited) netdev.leave();
  }

  /** Throws when it is not there or is used. */
  close(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) throw new Error(`Device '${id}' not found`);
    if (entry.user !== null) throw new Error(`netdev '${id}' is used by ${entry.user}`);
    this.#entries.delete(id);
    entry.netdev.close();
  }

  closeAll(): void {
    for (const { netdev } of this.#entries.values()) netdev.close();
    this.#entries.clear();
  }

  /** Gives it to a device. Throws in QEMU's words. */
  use(id: string, user: string): Netdev {
    const entry = this.#entries.get(id);
    if (entry === undefined) throw new Error(`Property 'virtio-net-device.netdev' can't find value '${id}'`);
    if (entry.user !== null) {
      throw new Error(`Property 'virtio-net-device.netdev' can't take value '${id}', it's in use`);
    }
    entry.user = user;
    return entry.netdev;
  }

  release(id: string): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) entry.user = null;
  }

  get all(): readonly Netdev[] {
    return [...this.#entries.values()].map(({ netdev }) => netdev);
  }

  get #awaited(): AwaitedNetdev[] {
    return this.all.filter((netdev) => netdev instanceof AwaitedNetdev);
  }

  /** What of them travels with the guest's state. */
  get parts(): readonly StatefulPart[] {
    return [...this.#entries.values()].map(({ netdev, description }) => ({
      description: description as StateDescription<unknown>,
      instanceId: 0,
      save: () => {
        const state = netdev.save();
        return isResting(state) ? null : state;
      },
      load: (state) => netdev.load(state as NetdevState),
    }));
  }

  carry(): readonly CarriedDescriptor[] {
    return this.all.flatMap((netdev) => netdev.carry());
  }

  carried(outcome: CarryOutcome): void {
    for (const netdev of this.all) netdev.carried(outcome);
  }

  guestRuns(): void {}
}

/** Of the descriptor that goes with the guest. */
function nameOf({ id }: NetdevOptions): string {
  return `netdev/${id}`;
}
