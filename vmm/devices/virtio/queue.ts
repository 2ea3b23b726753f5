/**
 * A split virtqueue (virtio 1.2, section 2.7), seen from the device: takes requests that the driver made available,
 * gives them back as used, and knows when the driver wants to hear of it (2.7.7, 2.7.10: event index).
 *
 * The rings are the guest's and hostile: indices are bounded, chains cannot loop, every address is checked. What a
 * driver must not do is a `QueueError`, after which the transport stops the device; RAM outside of the rings and of
 * the driver's buffers is never touched.
 *
 * Not emulated: packed rings, in-order use.
 */
import { Chain, type Segment } from './chain.js';
import { addressOf, type Dma } from './dma.js';

/** The driver broke the rules; the message says which. */
export class QueueError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'QueueError';
  }
}

/** What a queue holds; addresses in two halves, as the registers have them. */
export interface QueueState {
  readonly size: number;
  readonly ready: number;
  readonly descriptorsLow: number;
  readonly descriptorsHigh: number;
  readonly availableLow: number;
  readonly availableHigh: number;
  readonly usedLow: number;
  readonly usedHigh: number;
  /** Index of the next available entry, counted without end modulo 2^16. */
  readonly nextAvailable: number;
  /** Index of the next used entry. */
  readonly nextUsed: number;
  /** Value of `nextUsed` when the driver was last interrupted; -1: never. */
  readonly signalledUsed: number;
}

const NEXT = 1;
const WRITE = 2;
const INDIRECT = 4;
const NO_INTERRUPT = 1;
const NO_NOTIFY = 1;
const DESCRIPTOR_BYTES = 16;
/** QEMU's limit for the segments of one request, indirect ones included. */
export const MAX_SEGMENTS = 1024;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export class Virtqueue {
  readonly #dma: Dma;
  readonly #state: Mutable<QueueState>;
  readonly maxSize: number;
  /** Views of the rings; made when the queue is made ready. */
  #descriptors: DataView | null = null;
  #available: DataView | null = null;
  #used: DataView | null = null;
  usesEventIndex = false;

  constructor(dma: Dma, maxSize: number, state: QueueState) {
    this.#dma = dma;
    this.maxSize = maxSize;
    this.#state = { ...state };
  }

  /** Registers of the transport are these fields. */
  get registers(): Mutable<QueueState> {
    return this.#state;
  }

  save(): QueueState {
    return { ...this.#state };
  }

  get isReady(): boolean {
    return this.#state.ready !== 0;
  }

  /** Finds the rings. Throws `QueueError`: the queue then is not ready. */
  makeReady(): void {
    const { size, descriptorsLow, descriptorsHigh, availableLow, availableHigh, usedLow, usedHigh } =
      this.#state;
    this.#state.ready = 0;
    if (size === 0 || size > this.maxSize || (size & (size - 1)) !== 0) {
      throw new QueueError(`expected a queue size that is a power of 2 up to ${this.maxSize}, got ${size}`);
    }
    this.#descriptors = this.#ring('descriptors', descriptorsLow, descriptorsHigh, 16, size * 16);
    this.#available = this.#ring('available ring', availableLow, availableHigh, 2, 6 + size * 2);
    this.#used = this.#ring('used ring', usedLow, usedHigh, 4, 6 + size * 8);
    this.#state.ready = 1;
  }

  makeUnready(): void {
    this.#state.ready = 0;
  }

  /** The driver's index of what it made available. */
  get availableIndex(): number {
    return this.#availableRing.getUint16(2, true);
  }

  /** The index of what was used, as it is in the ring: others may have written it. */
  get usedIndex(): number {
    return this.#usedRing.getUint16(2, true);
  }

  /** Whether the driver has made something available that was not taken yet. */
  get hasAvailable(): boolean {
    return this.isReady && this.#waiting() > 0;
  }

  /** The next request, or null when there is none. Throws `QueueError`. */
  pop(): Chain | null {
    if (!this.isReady || this.#waiting() === 0) return null;
    const { size, nextAvailable } = this.#state;
    const head = this.#availableRing.getUint16(4 + 2 * (nextAvailable & (size - 1)), true);
    if (head >= size) throw new QueueError(`expected a descriptor below ${size}, got ${head}`);
    const chain = this.#collect(head);
    this.#state.nextAvailable = (nextAvailable + 1) & 0xffff;
    if (this.usesEventIndex) this.#writeAvailableEvent();
    return chain;
  }

  /** A request that was popped before, maybe by the device that this queue's state came from. Throws `QueueError`. */
  again(head: number): Chain {
    if (!this.isReady || head >= this.#state.size) {
      throw new QueueError(`expected a queue with descriptor ${head}`);
    }
    return this.#collect(head);
  }

  /** Takes the last request that was popped back, as if it had not been popped. */
  unpop(): void {
    this.#state.nextAvailable = (this.#state.nextAvailable - 1) & 0xffff;
  }

  /** Gives a request back, `writtenBytes` of whose writable part were written from its start on. */
  push(head: number, writtenBytes: number): void {
    if (!this.isReady) return;
    const { size, nextUsed } = this.#state;
    const used = this.#usedRing;
    const at = 4 + 8 * (nextUsed & (size - 1));
    used.setUint32(at, head, true);
    used.setUint32(at + 4, writtenBytes, true);
    this.#state.nextUsed = (nextUsed + 1) & 0xffff;
    used.setUint16(2, this.#state.nextUsed, true);
    this.#wrote(used);
  }

  /** Whether the driver is to be interrupted for what was pushed since it last was. Asked once per interrupt. */
  takeInterrupt(): boolean {
    if (!this.isReady) return false;
    const { nextUsed, signalledUsed, size } = this.#state;
    if (nextUsed === Math.max(0, signalledUsed)) return false;
    this.#state.signalledUsed = nextUsed;
    if (!this.usesEventIndex) return (this.#availableRing.getUint16(0, true) & NO_INTERRUPT) === 0;
    if (signalledUsed < 0) return true;
    const event = this.#availableRing.getUint16(4 + 2 * size, true);
    return ((nextUsed - event - 1) & 0xffff) < ((nextUsed - signalledUsed) & 0xffff);
  }

  /** Tells the driver whether to notify when it makes something available. After `true` look once more. */
  wantNotifications(wanted: boolean): void {
    if (!this.isReady) return;
    if (this.usesEventIndex) {
      // Without the wish the old event stays: the driver passes it once and is quiet for a round of the ring.
      if (wanted) this.#writeAvailableEvent();
      return;
    }
    this.#usedRing.setUint16(0, wanted ? 0 : NO_NOTIFY, true);
    this.#wrote(this.#usedRing);
  }

  #writeAvailableEvent(): void {
    this.#usedRing.setUint16(4 + 8 * this.#state.size, this.#state.nextAvailable, true);
    this.#wrote(this.#usedRing);
  }

  #waiting(): number {
    const waiting = (this.#availableRing.getUint16(2, true) - this.#state.nextAvailable) & 0xffff;
    if (waiting <= this.#state.size) return waiting;
    throw new QueueError(
      `expected at most ${this.#state.size} requests, the available index claims ${waiting}`,
    );
  }

  #collect(head: number): Chain {
    const readable: Segment[] = [];
    const writable: Segment[] = [];
    let table = this.#descriptorTable;
    let count = this.#state.size;
    let isIndirect = false;
    let index = head;
    for (let steps = 0; ; steps++) {
      if (steps > count) throw new QueueError(`the chain of descriptor ${head} has a loop`);
      const flags = table.getUint16(index * DESCRIPTOR_BYTES + 12, true);
      if ((flags & INDIRECT) !== 0) {
        if (isIndirect) throw new QueueError('an indirect table is inside of an indirect table');
        if ((flags & NEXT) !== 0) throw new QueueError('an indirect descriptor has a next one');
        table = this.#indirectTable(table, index);
        count = table.byteLength / DESCRIPTOR_BYTES;
        isIndirect = true;
        index = 0;
        steps = -1;
        continue;
      }
      this.#add(table, index, (flags & WRITE) !== 0 ? writable : readable, writable);
      if (readable.length + writable.length > MAX_SEGMENTS) {
        throw new QueueError(`expected at most ${MAX_SEGMENTS} segments in a request`);
      }
      if ((flags & NEXT) === 0) return new Chain(this.#dma, head, readable, writable);
      index = table.getUint16(index * DESCRIPTOR_BYTES + 14, true);
      if (index >= count) throw new QueueError(`expected a next descriptor below ${count}, got ${index}`);
    }
  }

  #add(table: DataView, index: number, list: Segment[], writable: readonly Segment[]): void {
    if (list !== writable && writable.length > 0) {
      throw new QueueError('a readable descriptor follows a writable one');
    }
    const at = index * DESCRIPTOR_BYTES;
    const address = addressOf(table.getUint32(at, true), table.getUint32(at + 4, true));
    const sizeBytes = table.getUint32(at + 8, true);
    if (sizeBytes === 0) throw new QueueError('a descriptor is empty');
    const bytes = this.#dma.bytes(address, sizeBytes);
    if (bytes === null) throw new QueueError(`${hex(address)} to +${hex(sizeBytes)} is not all RAM`);
    list.push({ address, bytes });
  }

  #indirectTable(table: DataView, index: number): DataView {
    const at = index * DESCRIPTOR_BYTES;
    const address = addressOf(table.getUint32(at, true), table.getUint32(at + 4, true));
    const sizeBytes = table.getUint32(at + 8, true);
    if (sizeBytes === 0 || sizeBytes % DESCRIPTOR_BYTES !== 0) {
      throw new QueueError(`expected an indirect table of whole descriptors, got ${sizeBytes} bytes`);
    }
    const bytes = this.#dma.bytes(address, sizeBytes);
    if (bytes === null) throw new QueueError(`the indirect table at ${hex(address)} is not all in RAM`);
    return viewOf(bytes);
  }

  #ring(name: string, low: number, high: number, alignment: number, sizeBytes: number): DataView {
    const address = addressOf(low, high);
    const bytes = address % alignment === 0 ? this.#dma.bytes(address, sizeBytes) : null;
    if (bytes === null) {
      throw new QueueError(`the ${name} at ${hex(address)} must be in RAM, at a multiple of ${alignment}`);
    }
    return viewOf(bytes);
  }

  /** Rings are not code; a driver that put them into a page with code has it decoded anew. */
  #wrote(ring: DataView): void {
    this.#dma.wrote(addressOf(this.#state.usedLow, this.#state.usedHigh), ring.byteLength);
  }

  get #descriptorTable(): DataView {
    return required(this.#descriptors);
  }

  get #availableRing(): DataView {
    return required(this.#available);
  }

  get #usedRing(): DataView {
    return required(this.#used);
  }
}

function required(view: DataView | null): DataView {
  if (view === null) throw new Error('the queue is not ready');
  return view;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
