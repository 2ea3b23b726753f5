/**
 * Queues of a device that another process serves, in the guest's RAM (vhost-user). This side has the registers: it
 * passes notifications and interrupts on, and knows where the queues stand when the other process was told to stop.
 *
 *     driver ready ► start the rings      notify ► kick      called ► interrupt
 *     pause ► drain: the rings are stopped, their indices here ► save ► start them again, in whatever process
 *
 * `nextAvailable` of a queue here is how far this side has looked at requests, for the pages that they will change:
 * decoded code in them is dropped before they do.
 */
import type { VirtioHost } from '../virtio/device.js';
import { addressOf } from '../virtio/dma.js';
import { QueueError, type Virtqueue } from '../virtio/queue.js';
import type { BackendUser, Ring, RingBackend } from './backend.js';

const DRAIN_DEADLINE_MS = 5000;
const LONG_WAIT_MS = 2;

export interface RingsSettings {
  /** Bits that the backend hears of when the driver has accepted them. */
  readonly features: readonly number[];
  /** A request ends by itself: all of them are waited for before the rings are stopped. */
  readonly awaitsUse: boolean;
}

export class Rings implements BackendUser {
  readonly #host: VirtioHost;
  readonly #backend: RingBackend;
  readonly #settings: RingsSettings;
  #runs = false;
  /** Those that the backend serves. */
  #started: readonly number[] = [];
  /** The backend was told to stop them and has not answered. */
  #stopping: Promise<void> | null = null;
  /** Requests were made and used that this side has not looked at. */
  #isStale = false;

  constructor(host: VirtioHost, backend: RingBackend, settings: RingsSettings) {
    this.#host = host;
    this.#backend = backend;
    this.#settings = settings;
  }

  notify(queue: number): void {
    if (!this.#started.includes(queue)) return;
    this.#look(queue);
    this.#backend.kick(queue);
  }

  /** Throws `QueueError`: the backend is of no more use. */
  resume(): void {
    this.#runs = true;
    for (const queue of this.#host.queues) queue.usesEventIndex = false; // the backend has what it is about
    if (this.#backend.broken !== null) throw new QueueError(this.#backend.broken);
    if (this.#stopping === null) this.#start();
  }

  pause(): void {
    this.#runs = false;
  }

  reset(): void {
    if (this.#started.length === 0) return;
    this.#backend.stopNow(this.#started, () => this.#isIdle);
    this.#started = [];
  }

  fence(): void {
    for (const queue of this.#started) this.#look(queue);
    if (!this.#isStale) return;
    this.#isStale = false;
    this.#host.dma.wroteAnywhere();
  }

  called(): void {
    this.#host.interrupt();
  }

  broke(reason: string): void {
    this.#started = [];
    if (!this.#runs) return;
    this.#host.attempt(() => {
      throw new QueueError(reason);
    });
  }

  /** The rings are stopped. Rejects when that takes too long. */
  async drain(): Promise<void> {
    const until = performance.now() + DRAIN_DEADLINE_MS;
    const late = () => performance.now() > until;
    for (const queue of this.#started) if (!this.#isUsed(queue)) this.#backend.kick(queue);
    while (!this.#isIdle) {
      if (late()) throw this.#lateError('has requests of the guest under way');
      await this.#wait(until);
    }
    if (this.#started.length > 0) this.#stopping ??= this.#stop();
    let isStopped = false;
    this.#stopping?.finally(() => {
      isStopped = true;
    });
    while (this.#stopping !== null && !isStopped) {
      if (late()) throw this.#lateError('does not stop');
      await this.#wait(until);
    }
  }

  #wait(until: number): Promise<void> {
    const isNew = until - performance.now() > DRAIN_DEADLINE_MS - LONG_WAIT_MS;
    return this.#backend.turn(isNew ? 0 : 1);
  }

  #lateError(what: string): Error {
    return new Error(
      `the vhost-user backend ${what} for more than ${DRAIN_DEADLINE_MS} ms: the guest goes on here`,
    );
  }

  async #stop(): Promise<void> {
    const rings = this.#started;
    try {
      const bases = await this.#backend.stop(rings);
      for (const [at, index] of rings.entries()) {
        const { registers } = this.#queue(index);
        registers.nextAvailable = (bases[at] ?? 0) & 0xffff;
        registers.nextUsed = this.#queue(index).usedIndex;
      }
    } catch {
      // It is gone, and has said so.
    }
    this.#started = [];
    this.#stopping = null;
    if (this.#runs) this.#host.attempt(() => this.resume());
  }

  #start(): void {
    if (this.#started.length > 0) return;
    const rings = this.#host.queues.flatMap((queue, index) => (queue.isReady ? [ringOf(queue, index)] : []));
    this.#started = rings.map(({ index }) => index);
    const accepted: [number, number] = [0, 0];
    for (const bit of this.#settings.features) {
      if (this.#host.has(bit)) accepted[bit >> 5] = ((accepted[bit >> 5] ?? 0) | (1 << (bit & 31))) >>> 0;
    }
    this.#backend.start(this, accepted, rings);
    // What was used before the rings stood still may not have been told.
    if (rings.some(({ base }) => base > 0)) this.#host.interrupt();
    for (const { index } of rings) this.#look(index);
  }

  /** Nothing has to be waited for. */
  get #isIdle(): boolean {
    return !this.#settings.awaitsUse || this.#started.every((index) => this.#isUsed(index));
  }

  /** Everything that the driver made available was used. A driver that makes up numbers is not waited for. */
  #isUsed(index: number): boolean {
    const queue = this.#queue(index);
    const waiting = (queue.availableIndex - queue.usedIndex) & 0xffff;
    return waiting === 0 || waiting > queue.registers.size;
  }

  /** At requests that are new, for the pages that will change. Throws `QueueError`. */
  #look(index: number): void {
    const queue = this.#queue(index);
    const seen = queue.registers.nextAvailable;
    if (seen === queue.availableIndex) return;
    const passed = (queue.usedIndex - seen) & 0xffff;
    if (passed > 0 && passed < 0x8000) {
      // The driver may have used their descriptors for others already.
      this.#isStale = true;
      queue.registers.nextAvailable = queue.availableIndex;
      return;
    }
    for (let chain = queue.pop(); chain !== null; chain = queue.pop()) chain.wrote(chain.writable);
  }

  #queue(index: number): Virtqueue {
    return this.#host.queues[index] as Virtqueue;
  }
}

function ringOf({ registers }: Virtqueue, index: number): Ring {
  const { size, descriptorsLow, descriptorsHigh, availableLow, availableHigh, usedLow, usedHigh } = registers;
  return {
    index,
    size,
    descriptors: addressOf(descriptorsLow, descriptorsHigh),
    available: addressOf(availableLow, availableHigh),
    used: addressOf(usedLow, usedHigh),
    base: registers.nextAvailable,
  };
}
