/** What of a chardev is in the guest's state: output that no client has taken yet. */
import type { StateDescription } from '../state/description.js';

/** A client that stopped reading must not cost more memory than this, here or in a target. */
export const MAX_BUFFERED_BYTES = 1 << 20;

export interface ChardevState {
  /** For the client that is connected. */
  readonly unsent: Uint8Array;
  /** For the next one. */
  readonly backlog: Uint8Array;
}

export function describeChardev(id: string): StateDescription<ChardevState> {
  return {
    name: `chardev/${id}`,
    version: 1,
    minimumVersion: 1,
    fields: [
      { name: 'unsent', type: 'vbuffer', count: MAX_BUFFERED_BYTES },
      { name: 'backlog', type: 'vbuffer', count: MAX_BUFFERED_BYTES },
    ],
    reset: { unsent: new Uint8Array(0), backlog: new Uint8Array(0) },
  };
}
