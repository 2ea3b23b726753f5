/** What the network device holds beside its queues, and how it travels. */
import type { Field, StateRecord, Subsection } from '../../state/description.js';
import {
  type FilterState,
  MAC_BYTES,
  MAX_ADDRESSES,
  MODES,
  type Mode,
  resetFilter,
  VLAN_BYTES,
} from './filter.js';

/** In place of offloads: all that the accepted features allow. */
export const BY_FEATURES = 0xff;

export interface NetState {
  readonly filter: FilterState;
  /** Bits of `OFFLOAD`, or `BY_FEATURES`. */
  readonly offloads: number;
  /** The driver was asked to tell its neighbours where it is, and has not yet. */
  readonly announce: boolean;
  readonly isLinkDown: boolean;
}

const TABLE_BYTES = MAX_ADDRESSES * MAC_BYTES;
const UNICAST_OVERFLOW = 1;
const MULTICAST_OVERFLOW = 2;

export const NET_FIELDS: readonly Field[] = [
  { name: 'mac', type: 'buffer', count: MAC_BYTES },
  { name: 'rx_modes', type: 'uint8' },
  { name: 'unicast_table', type: 'vbuffer', count: TABLE_BYTES },
  { name: 'multicast_table', type: 'vbuffer', count: TABLE_BYTES },
  { name: 'table_overflow', type: 'uint8' },
  { name: 'guest_offloads', type: 'uint8' },
  { name: 'announce', type: 'bool' },
];

export const NET_SUBSECTIONS: readonly Subsection<StateRecord>[] = [
  {
    name: 'virtio-net/vlans',
    version: 1,
    fields: [{ name: 'vlans', type: 'buffer', count: VLAN_BYTES }],
    needed: ({ vlans }) => (vlans as Uint8Array).some((byte) => byte !== 0),
  },
  {
    name: 'virtio-net/link',
    version: 1,
    fields: [{ name: 'link_down', type: 'bool' }],
    needed: ({ link_down }) => link_down === true,
  },
];

export function netReset(mac: Uint8Array): StateRecord {
  return joinNet({ filter: resetFilter(mac), offloads: BY_FEATURES, announce: false, isLinkDown: false });
}

export function joinNet({ filter, offloads, announce, isLinkDown }: NetState): StateRecord {
  return {
    mac: filter.mac.slice(),
    rx_modes: MODES.reduce((bits, mode, index) => bits | (filter.modes[mode] ? 1 << index : 0), 0),
    unicast_table: filter.unicast.slice(),
    multicast_table: filter.multicast.slice(),
    table_overflow:
      (filter.unicastOverflow ? UNICAST_OVERFLOW : 0) | (filter.multicastOverflow ? MULTICAST_OVERFLOW : 0),
    guest_offloads: offloads,
    announce,
    vlans: filter.vlans.slice(),
    link_down: isLinkDown,
  };
}

export function netStateOf(state: StateRecord): NetState {
  const bits = Number(state.rx_modes);
  const overflow = Number(state.table_overflow);
  const modes = Object.fromEntries(MODES.map((mode, index) => [mode, ((bits >> index) & 1) !== 0]));
  return {
    filter: {
      mac: state.mac as Uint8Array,
      modes: modes as Record<Mode, boolean>,
      unicast: state.unicast_table as Uint8Array,
      multicast: state.multicast_table as Uint8Array,
      unicastOverflow: (overflow & UNICAST_OVERFLOW) !== 0,
      multicastOverflow: (overflow & MULTICAST_OVERFLOW) !== 0,
      vlans: state.vlans as Uint8Array,
    },
    offloads: Number(state.guest_offloads),
    announce: state.announce === true,
    isLinkDown: state.link_down === true,
  };
}

export function validateNet(state: StateRecord): string | null {
  const { rx_modes, table_overflow, guest_offloads } = state as Readonly<Record<string, number>>;
  if (Number(rx_modes) >= 1 << MODES.length) return `rx_modes has ${MODES.length} bits, got ${rx_modes}`;
  if (Number(table_overflow) > 3) return `table_overflow has 2 bits, got ${table_overflow}`;
  if (Number(guest_offloads) > 0x7f && guest_offloads !== BY_FEATURES) {
    return `guest_offloads has 7 bits or is ${BY_FEATURES}, got ${guest_offloads}`;
  }
  let addressBytes = 0;
  for (const name of ['unicast_table', 'multicast_table']) {
    const { length } = state[name] as Uint8Array;
    if (length % MAC_BYTES !== 0) return `${name} has whole addresses, got ${length} bytes`;
    addressBytes += length;
  }
  if (addressBytes > TABLE_BYTES)
    return `both tables have ${MAX_ADDRESSES} addresses, got ${addressBytes} bytes`;
  return null;
}
