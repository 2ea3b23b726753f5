/**
 * A virtio driver for tests: some RAM, one transport, and queues laid out in that RAM. It keeps to the rules unless a
 * test writes into the rings by hand.
 */
import type { VirtioPart } from '../../../../vmm/devices/virtio/device.js';
import { VirtioMmio } from '../../../../vmm/devices/virtio/mmio.js';
import { virtioState } from '../../../../vmm/devices/virtio/state.js';
import type { StateRecord } from '../../../../vmm/state/description.js';
import { FakeErrors, FakeLine, throughStream } from '../fixtures.js';

export const RAM_BASE = 0x8000_0000;
const RAM_BYTES = 8 * 1024 * 1024;
/** Buffers are handed out from here; the rings of queue N are at N × 64 KiB. */
const BUFFERS = 4 * 1024 * 1024;

export const NEXT = 1;
export const WRITE = 2;
export const INDIRECT = 4;

export interface Buffer {
  readonly address: number;
  readonly sizeBytes: number;
  readonly isWritable: boolean;
}

export interface Used {
  readonly head: number;
  readonly sizeBytes: number;
}

export const FEATURE_BITS = { indirect: 28, eventIndex: 29, version1: 32 } as const;

export class TestDriver {
  readonly ram = new Uint8Array(RAM_BYTES);
  readonly view = new DataView(this.ram.buffer);
  readonly line = new FakeLine();
  readonly errors = new FakeErrors();
  /** Ranges that the device said it wrote. */
  readonly written: { address: number; sizeBytes: number }[] = [];
  readonly part: VirtioPart;
  device: VirtioMmio;
  #nextBuffer = BUFFERS;
  readonly #queues = new Map<number, { size: number; available: number; used: number; free: number }>();

  constructor(part: VirtioPart) {
    this.part = part;
    this.device = this.#build(virtioState(part).reset);
    this.device.resume();
  }

  /** Negotiates, sets all queues up and says that the driver is ready. */
  start(features: readonly number[] = [], queueSize?: number): void {
    this.reset();
    this.status = 3;
    const wanted = [...features, FEATURE_BITS.version1];
    for (const word of [0, 1]) {
      this.write(0x024, word);
      let bits = 0;
      for (const bit of wanted) if (bit >> 5 === word) bits |= 1 << (bit & 31);
      this.write(0x020, bits);
    }
    this.status = 11;
    for (const [index, maxSize] of this.part.queueSizes.entries()) {
      this.setUpQueue(index, Math.min(queueSize ?? maxSize, maxSize));
    }
    this.status = 15;
  }

  setUpQueue(index: number, size: number): void {
    const base = RAM_BASE + index * 0x10000;
    this.ram.fill(0, index * 0x10000, (index + 1) * 0x10000);
    this.write(0x030, index);
    this.write(0x038, size);
    for (const [register, offset] of [
      [0x080, 0],
      [0x090, 0x8000],
      [0x0a0, 0xc000],
    ] as const) {
      this.write(register, base + offset);
      this.write(register + 4, 0);
    }
    this.write(0x044, 1);
    this.#queues.set(index, { size, available: 0, used: 0, free: 0 });
  }

  reset(): void {
    this.status = 0;
    this.#queues.clear();
  }

  get status(): number {
    return this.read(0x070);
  }

  set status(value: number) {
    this.write(0x070, value);
  }

  read(offset: number): number {
    return this.device.read(offset, 4) >>> 0;
  }

  write(offset: number, value: number): void {
    this.device.write(offset, 4, value >>> 0);
  }

  /** Room in RAM, filled with `bytes` when they are given. */
  buffer(content: number | Uint8Array, isWritable: boolean): Buffer {
    const sizeBytes = typeof content === 'number' ? content : content.length;
    const at = this.#nextBuffer;
    this.#nextBuffer += Math.ceil(sizeBytes / 16) * 16;
    if (typeof content !== 'number') this.ram.set(content, at);
    return { address: RAM_BASE + at, sizeBytes, isWritable };
  }

  bytesOf({ address, sizeBytes }: Buffer): Uint8Array {
    return this.ram.slice(address - RAM_BASE, address - RAM_BASE + sizeBytes);
  }

  /** Makes a request available and returns its head; `notify` is another call. */
  add(queue: number, buffers: readonly Buffer[]): number {
    const state = this.#queue(queue);
    const head = state.free;
    for (const [position, buffer] of buffers.entries()) {
      const index = (head + position) % state.size;
      const isLast = position === buffers.length - 1;
      const flags = (isLast ? 0 : NEXT) | (buffer.isWritable ? WRITE : 0);
      this.describe(queue, index, buffer, flags, (index + 1) % state.size);
    }
    state.free = (head + buffers.length) % state.size;
    this.makeAvailable(queue, head);
    return head;
  }

  /** The same through an indirect table. */
  addIndirect(queue: number, buffers: readonly Buffer[]): number {
    const table = this.buffer(buffers.length * 16, false);
    for (const [index, { address, sizeBytes, isWritable }] of buffers.entries()) {
      const flags = (index === buffers.length - 1 ? 0 : NEXT) | (isWritable ? WRITE : 0);
      this.#descriptor(table.address - RAM_BASE + index * 16, address, sizeBytes, flags, index + 1);
    }
    const state = this.#queue(queue);
    const head = state.free;
    this.describe(queue, head, table, INDIRECT, 0);
    state.free = (head + 1) % state.size;
    this.makeAvailable(queue, head);
    return head;
  }

  describe(
    queue: number,
    index: number,
    buffer: Omit<Buffer, 'isWritable'>,
    flags: number,
    next: number,
  ): void {
    this.#descriptor(queue * 0x10000 + index * 16, buffer.address, buffer.sizeBytes, flags, next);
  }

  makeAvailable(queue: number, head: number): void {
    const state = this.#queue(queue);
    const ring = queue * 0x10000 + 0x8000;
    this.view.setUint16(ring + 4 + 2 * (state.available % state.size), head, true);
    state.available = (state.available + 1) & 0xffff;
    this.view.setUint16(ring + 2, state.available, true);
  }

  notify(queue: number): void {
    this.write(0x050, queue);
  }

  /** What the device has used since the last call. */
  takeUsed(queue: number): Used[] {
    const state = this.#queue(queue);
    const ring = queue * 0x10000 + 0xc000;
    const used: Used[] = [];
    while (state.used !== this.view.getUint16(ring + 2, true)) {
      const at = ring + 4 + 8 * (state.used % state.size);
      used.push({ head: this.view.getUint32(at, true), sizeBytes: this.view.getUint32(at + 4, true) });
      state.used = (state.used + 1) & 0xffff;
    }
    return used;
  }

  /** Acknowledges and returns the interrupt status: 1 used buffers, 2 configuration. */
  takeInterrupt(): number {
    const status = this.read(0x060);
    this.write(0x064, status);
    return status;
  }

  /** Goes through a migration stream; the new device runs when the old one did. */
  migrate(): void {
    this.device.pause();
    const state = throughStream(virtioState(this.part), this.device.save());
    this.device.retire();
    this.device = this.#build(state);
    this.device.resume();
  }

  /** The machine is reset: another device in the reset state. */
  rebuild(): void {
    this.device.retire();
    this.device = this.#build(virtioState(this.part).reset);
    this.device.resume();
    this.#queues.clear();
  }

  #build(state: StateRecord): VirtioMmio {
    const dma = {
      bytes: (address: number, sizeBytes: number) => {
        const at = address - RAM_BASE;
        return at >= 0 && at + sizeBytes <= RAM_BYTES ? this.ram.subarray(at, at + sizeBytes) : null;
      },
      wrote: (address: number, sizeBytes: number) => {
        this.written.push({ address, sizeBytes });
      },
      wroteAnywhere: () => {
        this.written.push({ address: RAM_BASE, sizeBytes: RAM_BYTES });
      },
    };
    return new VirtioMmio(this.line, dma, this.part, this.errors, state);
  }

  #descriptor(at: number, address: number, sizeBytes: number, flags: number, next: number): void {
    this.view.setUint32(at, address % 2 ** 32, true);
    this.view.setUint32(at + 4, Math.floor(address / 2 ** 32), true);
    this.view.setUint32(at + 8, sizeBytes, true);
    this.view.setUint16(at + 12, flags, true);
    this.view.setUint16(at + 14, next, true);
  }

  #queue(index: number) {
    const queue = this.#queues.get(index);
    if (queue === undefined) throw new Error(`queue ${index} is not set up`);
    return queue;
  }
}
