/**
 * One request of a driver: a chain of buffers, those that the device reads before those that it writes
 * (virtio 1.2, section 2.7.4). Addresses were checked: every segment is wholly RAM.
 */
import type { Dma } from './dma.js';

/** A piece of RAM, never empty. */
export interface Segment {
  readonly address: number;
  readonly bytes: Uint8Array;
}

export class Chain {
  /** Index of the first descriptor, by which the driver knows the request. */
  readonly head: number;
  readonly readable: readonly Segment[];
  readonly writable: readonly Segment[];
  readonly #dma: Dma;

  constructor(dma: Dma, head: number, readable: readonly Segment[], writable: readonly Segment[]) {
    this.#dma = dma;
    this.head = head;
    this.readable = readable;
    this.writable = writable;
  }

  get readableBytes(): number {
    return lengthOf(this.readable);
  }

  get writableBytes(): number {
    return lengthOf(this.writable);
  }

  /** A copy of up to `sizeBytes` of what the driver wrote, from `offset` on. */
  read(offset: number, sizeBytes: number): Uint8Array {
    const pieces = slice(this.readable, offset, sizeBytes);
    const copy = new Uint8Array(lengthOf(pieces));
    let at = 0;
    for (const { bytes } of pieces) {
      copy.set(bytes, at);
      at += bytes.length;
    }
    return copy;
  }

  /** Puts bytes where the driver wants them, from `offset` on; returns how many there was room for. */
  write(offset: number, data: Uint8Array): number {
    let at = 0;
    for (const segment of slice(this.writable, offset, data.length)) {
      segment.bytes.set(data.subarray(at, at + segment.bytes.length));
      this.#dma.wrote(segment.address, segment.bytes.length);
      at += segment.bytes.length;
    }
    return at;
  }

  /** Somebody else has filled these segments. */
  wrote(segments: readonly Segment[]): void {
    for (const { address, bytes } of segments) this.#dma.wrote(address, bytes.length);
  }
}

export function lengthOf(segments: readonly Segment[]): number {
  let sizeBytes = 0;
  for (const { bytes } of segments) sizeBytes += bytes.length;
  return sizeBytes;
}

/** The segments of a range; fewer bytes when the end comes before. */
export function slice(segments: readonly Segment[], offset: number, sizeBytes: number): Segment[] {
  const found: Segment[] = [];
  let skip = offset;
  let left = sizeBytes;
  for (const { address, bytes } of segments) {
    if (left <= 0) break;
    if (skip >= bytes.length) {
      skip -= bytes.length;
      continue;
    }
    const piece = bytes.subarray(skip, skip + left);
    found.push({ address: address + skip, bytes: piece });
    left -= piece.length;
    skip = 0;
  }
  return found;
}
