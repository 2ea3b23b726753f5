/**
 * Which frames a driver wants (virtio 1.2, section 5.1.6.5): modes, a table of addresses and a table of VLANs. A table
 * that was too long stands for all addresses of its kind.
 */

export const MAC_BYTES = 6;
/** As many as QEMU keeps; Linux falls back on modes beyond. */
export const MAX_ADDRESSES = 64;
export const VLAN_BYTES = 4096 / 8;

const ETHERTYPE_AT = 12;
const ETHERTYPE_VLAN = 0x8100;
const BROADCAST = new Uint8Array(MAC_BYTES).fill(0xff);

/** In the order of the commands that set them. */
export const MODES = [
  'promiscuous',
  'allMulticast',
  'allUnicast',
  'noMulticast',
  'noUnicast',
  'noBroadcast',
] as const;
export type Mode = (typeof MODES)[number];

export interface FilterState {
  readonly mac: Uint8Array;
  readonly modes: Readonly<Record<Mode, boolean>>;
  /** Addresses one after the other. */
  readonly unicast: Uint8Array;
  readonly multicast: Uint8Array;
  readonly unicastOverflow: boolean;
  readonly multicastOverflow: boolean;
  /** A bit for each VLAN. */
  readonly vlans: Uint8Array;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export class ReceiveFilter {
  readonly #state: Mutable<FilterState> & { modes: Record<Mode, boolean> };
  /** The driver names the VLANs it wants; else it gets all. */
  usesVlans = false;

  constructor(state: FilterState) {
    this.#state = { ...state, mac: state.mac.slice(), modes: { ...state.modes }, vlans: state.vlans.slice() };
  }

  get state(): FilterState {
    return this.#state;
  }

  setMode(mode: Mode, on: boolean): void {
    this.#state.modes[mode] = on;
  }

  setMac(mac: Uint8Array): void {
    this.#state.mac = mac.slice();
  }

  setTables(unicast: Uint8Array, multicast: Uint8Array): void {
    this.#state.unicastOverflow = unicast.length > MAX_ADDRESSES * MAC_BYTES;
    this.#state.unicast = this.#state.unicastOverflow ? new Uint8Array() : unicast.slice();
    const left = MAX_ADDRESSES * MAC_BYTES - this.#state.unicast.length;
    this.#state.multicastOverflow = multicast.length > left;
    this.#state.multicast = this.#state.multicastOverflow ? new Uint8Array() : multicast.slice();
  }

  setVlan(vlan: number, on: boolean): void {
    const at = vlan >> 3;
    const bit = 1 << (vlan & 7);
    const byte = this.#state.vlans[at] ?? 0;
    this.#state.vlans[at] = on ? byte | bit : byte & ~bit;
  }

  reset(mac: Uint8Array): void {
    Object.assign(this.#state, resetFilter(mac.slice()));
  }

  /** `frame` from its destination address on. */
  accepts(frame: Uint8Array): boolean {
    const { modes, mac, unicast, multicast, unicastOverflow, multicastOverflow } = this.#state;
    if (modes.promiscuous) return true;
    if (!this.#acceptsVlan(frame)) return false;
    if (((frame[0] ?? 0) & 1) === 0) {
      if (modes.noUnicast) return false;
      return modes.allUnicast || unicastOverflow || startsWith(frame, mac, 0) || isIn(unicast, frame);
    }
    if (startsWith(frame, BROADCAST, 0)) return !modes.noBroadcast;
    if (modes.noMulticast) return false;
    return modes.allMulticast || multicastOverflow || isIn(multicast, frame);
  }

  #acceptsVlan(frame: Uint8Array): boolean {
    const ethertype = ((frame[ETHERTYPE_AT] ?? 0) << 8) | (frame[ETHERTYPE_AT + 1] ?? 0);
    if (ethertype !== ETHERTYPE_VLAN || !this.usesVlans) return true;
    const vlan = (((frame[ETHERTYPE_AT + 2] ?? 0) << 8) | (frame[ETHERTYPE_AT + 3] ?? 0)) & 0xfff;
    return (((this.#state.vlans[vlan >> 3] ?? 0) >> (vlan & 7)) & 1) !== 0;
  }
}

function isIn(table: Uint8Array, frame: Uint8Array): boolean {
  for (let at = 0; at < table.length; at += MAC_BYTES) if (startsWith(frame, table, at)) return true;
  return false;
}

function startsWith(frame: Uint8Array, address: Uint8Array, at: number): boolean {
  for (let index = 0; index < MAC_BYTES; index++) if (frame[index] !== address[at + index]) return false;
  return true;
}

/** What a driver finds: promiscuous until it says otherwise. */
export function resetFilter(mac: Uint8Array): FilterState {
  const modes = Object.fromEntries(MODES.map((mode) => [mode, mode === 'promiscuous']));
  return {
    mac,
    modes: modes as Record<Mode, boolean>,
    ...{ unicast: new Uint8Array(), multicast: new Uint8Array() },
    ...{ unicastOverflow: false, multicastOverflow: false },
    vlans: new Uint8Array(VLAN_BYTES),
  };
}
