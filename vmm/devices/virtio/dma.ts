/**
 * Guest RAM as a device sees it, by guest-physical address. A device never holds more than one request's views: RAM
 * does not move, but what is in it is the guest's.
 */
export interface Dma {
  /** The bytes of a range that is wholly RAM; null for any other. Reading needs no more; see `wrote` for writing. */
  bytes(address: number, sizeBytes: number): Uint8Array | null;
  /** To be called after the range was written and before the guest is told of it. */
  wrote(address: number, sizeBytes: number): void;
  /** Somebody has written, and nobody knows where. Only in the device's `fence`. */
  wroteAnywhere(): void;
}

/** Two halves of a 64-bit guest address. What a number cannot hold exactly is no RAM anyway. */
export function addressOf(low: number, high: number): number {
  return high * 2 ** 32 + low;
}
