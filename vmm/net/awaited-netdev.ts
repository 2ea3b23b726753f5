/**
 * A network backend of a machine whose guest has yet to come: its descriptor may come with the guest's state. Until it
 * is known whether it does nothing is opened: the source has the interface, or is the one client of a peer.
 */
import type { CarriedDescriptor, CarriedDescriptors, CarryOutcome } from '../carried.js';
import type { NetUser } from '../devices/virtio-net/backend.js';
import type { NetdevOptions } from '../options/netdev-options.js';
import type { Netdev, NetdevState } from './netdev.js';

/** Throws with a sentence; nothing is open then, what came is closed. */
export type OpenNetdev = (carried: number | null) => Netdev;

export class AwaitedNetdev implements Netdev {
  readonly options: NetdevOptions;
  readonly #open: OpenNetdev;
  #netdev: Netdev | null = null;
  /** The guest's state has opened it. */
  #isLate = false;

  constructor(options: NetdevOptions, open: OpenNetdev) {
    this.options = options;
    this.#open = open;
  }

  /** As at a boot: nothing comes for it. */
  open(): void {
    this.#netdev ??= this.#open(null);
  }

  /** The guest's state is here: with what came for it, or as at a boot. */
  arrive(received: CarriedDescriptors, name: string): void {
    if (this.#netdev !== null) return;
    this.#netdev = this.#open(received.take(name));
    this.#isLate = true;
  }

  /** The guest stays with its source: what `arrive` opened is closed. */
  leave(): void {
    if (!this.#isLate) return;
    this.close();
    this.#netdev = null;
    this.#isLate = false;
  }

  /** Until it is open: what the options ask for. */
  get hasHeader(): boolean {
    return this.#netdev?.hasHeader ?? (this.options.type === 'tap' && (this.options.header ?? true));
  }

  get hasUso(): boolean {
    return this.#netdev?.hasUso ?? false;
  }

  get isNewHere(): boolean {
    return this.#netdev?.isNewHere ?? true;
  }

  get summary(): string {
    return this.#netdev?.summary ?? 'waiting for the guest';
  }

  start(user: NetUser): void {
    this.#netdev?.start(user);
  }

  stop(): void {
    this.#netdev?.stop();
  }

  setReading(reading: boolean): void {
    this.#netdev?.setReading(reading);
  }

  receive(): Uint8Array | null {
    return this.#netdev === null ? null : this.#netdev.receive();
  }

  putBack(): void {
    this.#netdev?.putBack();
  }

  send(pieces: readonly Uint8Array[]): boolean {
    return this.#netdev === null || this.#netdev.send(pieces);
  }

  awaitWritable(): void {
    this.#netdev?.awaitWritable();
  }

  setOffloads(offloads: number): void {
    this.#netdev?.setOffloads(offloads);
  }

  carry(): readonly CarriedDescriptor[] {
    return this.#netdev?.carry() ?? [];
  }

  carried(outcome: CarryOutcome): void {
    this.#netdev?.carried(outcome);
  }

  save(): NetdevState {
    return this.#netdev?.save() ?? { received: new Uint8Array(), unsent: new Uint8Array(), offloads: 0 };
  }

  load(state: NetdevState): void {
    this.#netdev?.load(state);
  }

  close(): void {
    this.#netdev?.close();
  }
}
