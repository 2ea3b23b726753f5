/** What `-device virtio-net-device` takes. */
import type { FeatureName } from '../devices/virtio-net/features.js';
import { type DeviceType, VIRTIO_PROPERTIES } from './device-type.js';

/** Properties that offer a feature, or keep it from being offered. */
export const NET_FEATURES: Readonly<Record<string, FeatureName>> = {
  csum: 'csum',
  guest_csum: 'guestCsum',
  gso: 'gso',
  guest_tso4: 'guestTso4',
  guest_tso6: 'guestTso6',
  guest_ecn: 'guestEcn',
  guest_ufo: 'guestUfo',
  guest_uso4: 'guestUso4',
  guest_uso6: 'guestUso6',
  guest_announce: 'guestAnnounce',
  host_tso4: 'hostTso4',
  host_tso6: 'hostTso6',
  host_ecn: 'hostEcn',
  host_ufo: 'hostUfo',
  host_uso: 'hostUso',
  mrg_rxbuf: 'mrgRxbuf',
  status: 'status',
  ctrl_vq: 'ctrlVq',
  ctrl_rx: 'ctrlRx',
  ctrl_rx_extra: 'ctrlRxExtra',
  ctrl_vlan: 'ctrlVlan',
  ctrl_mac_addr: 'ctrlMacAddr',
  ctrl_guest_offloads: 'ctrlGuestOffloads',
};

const features = Object.keys(NET_FEATURES).map((name) => [name, { type: 'bool', default: true }] as const);
const absent = { type: 'bool', default: false, only: [false] } as const;

export const VIRTIO_NET: DeviceType = {
  driver: 'virtio-net-device',
  bus: 'virtio-bus',
  description: 'network',
  properties: {
    netdev: { type: 'str', default: null },
    mac: { type: 'str', default: null },
    ...Object.fromEntries(features),
    rx_queue_size: { type: 'uint16', default: 256, only: [256, 512, 1024] },
    tx_queue_size: { type: 'uint16', default: 256, only: [256] },
    host_mtu: { type: 'uint16', default: 0 },
    tx: { type: 'str', default: null, only: [null, 'bh'] },
    mq: absent,
    rss: absent,
    hash: absent,
    guest_rsc_ext: absent,
    failover: absent,
    ...VIRTIO_PROPERTIES,
  },
};
