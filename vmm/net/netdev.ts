/** A network backend as the machine keeps it: what `-netdev` makes. */
import type { CarriedDescriptor, CarryOutcome } from '../carried.js';
import { MAX_FRAME_BYTES, type NetBackend } from '../devices/virtio-net/backend.js';
import type { NetdevOptions } from '../options/netdev-options.js';
import type { StateDescription } from '../state/description.js';

export interface Netdev extends NetBackend {
  readonly options: NetdevOptions;
  /** What it is connected to, as `info network` says it. */
  readonly summary: string;
  carry(): readonly CarriedDescriptor[];
  carried(outcome: CarryOutcome): void;
  save(): NetdevState;
  /** Only what goes with a descriptor that came with the guest; else it is of no use here. */
  load(state: NetdevState): void;
  close(): void;
}

/** What happens to a backend by itself. */
export interface NetdevEvents {
  connected(id: string): void;
  disconnected(id: string): void;
}

/** What was between the kernel and the guest when it stopped. */
export interface NetdevState {
  /** Bytes that were read and not yet given to the guest: a frame, or the beginning of one. */
  readonly received: Uint8Array;
  /** The end of a frame whose beginning was sent. */
  readonly unsent: Uint8Array;
  /** What the interface is set to leave to the guest, by `OFFLOAD`'s bits. */
  readonly offloads: number;
}

/** A frame with its length before it. */
export const MAX_HELD_BYTES = 4 + MAX_FRAME_BYTES;
const NOTHING = new Uint8Array();
const NETDEV_RESET: NetdevState = { received: NOTHING, unsent: NOTHING, offloads: 0 };

/** The section of a backend. Made once for each: descriptions are compared by identity. */
export function netdevState(id: string): StateDescription<NetdevState> {
  return {
    name: `netdev/${id}`,
    version: 1,
    minimumVersion: 1,
    fields: [
      { name: 'received', type: 'vbuffer', count: MAX_HELD_BYTES },
      { name: 'unsent', type: 'vbuffer', count: MAX_HELD_BYTES },
      { name: 'offloads', type: 'uint8' },
    ],
    reset: NETDEV_RESET,
    validate: ({ offloads }) => (offloads > 0x7f ? `offloads has 7 bits, got ${offloads}` : null),
  };
}

export function isResting({ received, unsent, offloads }: NetdevState): boolean {
  return received.length === 0 && unsent.length === 0 && offloads === 0;
}
