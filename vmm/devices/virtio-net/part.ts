/** The network device as the machine plugs it in. */
import type { VirtioPart } from '../virtio/device.js';
import type { NetBackend } from './backend.js';
import { VirtioNet } from './device.js';
import { type FeatureName, offeredFeatures } from './features.js';
import { NetLink } from './link.js';
import { NET_FIELDS, NET_SUBSECTIONS, netReset, validateNet } from './state.js';

const CONTROL_QUEUE_SIZE = 64;

export interface NetProperties {
  readonly mac: Uint8Array;
  readonly features: ReadonlySet<FeatureName>;
  readonly rxQueueSize: number;
  readonly txQueueSize: number;
  /** 0: not said. */
  readonly mtu: number;
}

export interface VirtioNetPart extends VirtioPart {
  readonly link: NetLink;
}

export function virtioNet(properties: NetProperties, backend: NetBackend): VirtioNetPart {
  const { mac, features, rxQueueSize, txQueueSize, mtu } = properties;
  const link = new NetLink(mac);
  return {
    name: 'virtio-net',
    deviceId: 1,
    queueSizes: [rxQueueSize, txQueueSize, CONTROL_QUEUE_SIZE],
    get features() {
      return offeredFeatures(features, backend); // a backend may be opened when its guest has come
    },
    fields: NET_FIELDS,
    subsections: NET_SUBSECTIONS,
    reset: netReset(mac),
    validate: validateNet,
    create: (host, state) => new VirtioNet(host, backend, link, mtu, state),
    link,
  };
}
