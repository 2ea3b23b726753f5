/**
 * Features of the network device (virtio 1.2, section 5.1.3): which are offered, by the properties of the device and
 * what the backend can do, and what frames a driver takes that accepted some of them.
 *
 * Not emulated: several queue pairs, receive-side scaling, coalescing, tunnels.
 */
import { OFFLOAD } from './backend.js';

export const FEATURE = {
  csum: 0,
  guestCsum: 1,
  ctrlGuestOffloads: 2,
  mtu: 3,
  mac: 5,
  gso: 6,
  guestTso4: 7,
  guestTso6: 8,
  guestEcn: 9,
  guestUfo: 10,
  hostTso4: 11,
  hostTso6: 12,
  hostEcn: 13,
  hostUfo: 14,
  mrgRxbuf: 15,
  status: 16,
  ctrlVq: 17,
  ctrlRx: 18,
  ctrlVlan: 19,
  ctrlRxExtra: 20,
  guestAnnounce: 21,
  ctrlMacAddr: 23,
  guestUso4: 54,
  guestUso6: 55,
  hostUso: 56,
} as const;

export type FeatureName = keyof typeof FEATURE;

/** Those that need headers before the frames on the backend's side too. */
const WITH_HEADER: readonly FeatureName[] = [
  ...(['csum', 'guestCsum', 'guestTso4', 'guestTso6', 'guestEcn', 'guestUfo'] as const),
  ...(['hostTso4', 'hostTso6', 'hostEcn', 'hostUfo', 'guestUso4', 'guestUso6', 'hostUso'] as const),
];

/** Cutting datagrams (Linux 6.2) the backend may not know. */
const USO: readonly FeatureName[] = ['guestUso4', 'guestUso6', 'hostUso'];

/** Commands that need the control queue. */
const WITH_CONTROL: readonly FeatureName[] = [
  ...(['ctrlRx', 'ctrlVlan', 'ctrlRxExtra', 'ctrlMacAddr', 'ctrlGuestOffloads', 'guestAnnounce'] as const),
];

/** In the order of the bits that `OFFLOAD` has for them. */
const GUEST_OFFLOADS: readonly (readonly [FeatureName, number])[] = [
  ['guestCsum', OFFLOAD.csum],
  ['guestTso4', OFFLOAD.tso4],
  ['guestTso6', OFFLOAD.tso6],
  ['guestEcn', OFFLOAD.ecn],
  ['guestUfo', OFFLOAD.ufo],
  ['guestUso4', OFFLOAD.uso4],
  ['guestUso6', OFFLOAD.uso6],
];

export interface BackendAbilities {
  readonly hasHeader: boolean;
  readonly hasUso: boolean;
}

/** Bits to offer. `wanted`: as the properties of the device say. */
export function offeredFeatures(
  wanted: ReadonlySet<FeatureName>,
  { hasHeader, hasUso }: BackendAbilities,
): number[] {
  const names = [...wanted].filter(
    (name) =>
      (hasHeader || !WITH_HEADER.includes(name)) &&
      (hasUso || !USO.includes(name)) &&
      (wanted.has('ctrlVq') || !WITH_CONTROL.includes(name)),
  );
  return names.map((name) => FEATURE[name]).sort((a, b) => a - b);
}

/** All that the driver's features allow. */
export function offloadsOf(has: (feature: number) => boolean): number {
  return GUEST_OFFLOADS.reduce((bits, [name, bit]) => (has(FEATURE[name]) ? bits | bit : bits), 0);
}

/** What a driver asks for by feature bits, in two halves; null: something that is no offload of its. */
export function offloadsIn(low: number, high: number, allowed: number): number | null {
  const isSet = (bit: number) => (((bit < 32 ? low : high) >>> (bit & 31)) & 1) !== 0;
  let offloads = 0;
  let known: [number, number] = [0, 0];
  for (const [name, bit] of GUEST_OFFLOADS) {
    const feature = FEATURE[name];
    known =
      feature < 32 ? [known[0] | (1 << feature), known[1]] : [known[0], known[1] | (1 << (feature & 31))];
    if (isSet(feature)) offloads |= bit;
  }
  const isKnown = (low & ~known[0]) === 0 && (high & ~known[1]) === 0;
  return isKnown && (offloads & ~allowed) === 0 ? offloads : null;
}
