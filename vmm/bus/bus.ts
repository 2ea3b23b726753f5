/**
 * Finds the device for a guest-physical address. Which widths a region takes is data of the region: an
 * access of another width, a misaligned one, or one that no device takes reads 0, writes nothing, and is
 * reported; no device ever sees it, and nothing throws.
 */

import type { AccessWidth, GuestErrors, MmioDevice } from '../devices/device.js';
import type { Placement } from '../layout.js';

export interface Region {
  readonly name: string;
  readonly placement: Placement;
  readonly widths: readonly AccessWidth[];
  readonly device: MmioDevice;
}

export class Bus {
  readonly #regions: readonly Region[];
  readonly #errors: GuestErrors;
  /** The region hit last: guests talk to one device at a time. */
  #last: Region | null = null;

  constructor(regions: readonly Region[], errors: GuestErrors) {
    this.#regions = [...regions].sort((a, b) => a.placement.base - b.placement.base);
    this.#errors = errors;
    for (let at = 1; at < this.#regions.length; at++) checkApart(this.#regions[at - 1], this.#regions[at]);
  }

  /** True when a device is there; a core raises an access fault where there is none. */
  isMmio(address: number): boolean {
    return this.#find(address) !== null;
  }

  read(address: number, width: AccessWidth): number {
    const region = this.#find(address);
    const offset = region === null ? address : address - region.placement.base;
    if (region === null || !accepts(region, offset, width)) {
      this.#errors.invalidRead(region?.name ?? 'bus', offset);
      return 0;
    }
    return region.device.read(offset, width) >>> 0;
  }

  write(address: number, width: AccessWidth, value: number): void {
    const region = this.#find(address);
    const offset = region === null ? address : address - region.placement.base;
    if (region === null || !accepts(region, offset, width)) {
      this.#errors.invalidWrite(region?.name ?? 'bus', offset, value);
      return;
    }
    region.device.write(offset, width, value >>> 0);
  }

  #find(address: number): Region | null {
    if (this.#last !== null && contains(this.#last, address)) return this.#last;
    let low = 0;
    let high = this.#regions.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const region = this.#regions[middle];
      if (region === undefined || address < region.placement.base) {
        high = middle - 1;
      } else if (contains(region, address)) {
        this.#last = region;
        return region;
      } else {
        low = middle + 1;
      }
    }
    return null;
  }
}

function contains({ placement }: Region, address: number): boolean {
  return address >= placement.base && address < placement.base + placement.sizeBytes;
}

function accepts(region: Region, offset: number, width: AccessWidth): boolean {
  return offset % width === 0 && region.widths.includes(width);
}

function checkApart(lower: Region | undefined, upper: Region | undefined): void {
  if (lower === undefined || upper === undefined) return;
  if (lower.placement.base + lower.placement.sizeBytes <= upper.placement.base) return;
  throw new Error(`regions ${lower.name} and ${upper.name} overlap`);
}
