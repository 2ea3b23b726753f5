/**
 * What of a network device outlives the front ends that are built for it: its own address, its link and its counters;
 * and what a monitor asks of it.
 */
import type { FilterState, ReceiveFilter } from './filter.js';

export class NetLink {
  /** The address that it was given; a driver can take another until its next reset. */
  readonly mac: Uint8Array;
  /** Frames that were not wanted, were malformed or did not fit. */
  dropped = 0;
  isUp = true;
  /** A driver has changed what it wants to receive. */
  onFilterChanged: () => void = () => {};
  #filter: ReceiveFilter | null = null;
  #configChanged: () => void = () => {};

  constructor(mac: Uint8Array) {
    this.mac = mac.slice();
  }

  /** The front end of now; `configChanged` tells its driver. */
  attach(filter: ReceiveFilter, configChanged: () => void): void {
    this.#filter = filter;
    this.#configChanged = configChanged;
  }

  filterChanged(): void {
    this.onFilterChanged();
  }

  /** `set_link`. */
  set(isUp: boolean): void {
    if (isUp === this.isUp) return;
    this.isUp = isUp;
    this.#configChanged();
  }

  /** What is received; null: no driver has run yet. */
  get filter(): (FilterState & { readonly usesVlans: boolean }) | null {
    return this.#filter === null ? null : { ...this.#filter.state, usesVlans: this.#filter.usesVlans };
  }
}
