/** `virtio-net-device`: its properties, and the network backend that it names. */
import { NO_BACKEND } from '../../devices/virtio-net/backend.js';
import type { FeatureName } from '../../devices/virtio-net/features.js';
import { virtioNet } from '../../devices/virtio-net/part.js';
import { boolOf, type DeviceValues, numberOf, textOf } from '../../options/device-type.js';
import { NET_FEATURES } from '../../options/net-device-type.js';
import type { DeviceOptions } from '../../options/options.js';
import type { DeviceContext, OpenPart } from '../devices.js';

export async function openNet(device: DeviceOptions, context: DeviceContext): Promise<OpenPart> {
  const { netdevs, macs } = context;
  const netdev = textOf(device.values, 'netdev');
  const mac = macs.take(textOf(device.values, 'mac'));
  try {
    const backend = netdev === null ? NO_BACKEND : netdevs.use(netdev, device.id ?? device.driver);
    const part = virtioNet({ mac, features: wanted(device.values), ...sizes(device.values) }, backend);
    const close = async () => {
      if (netdev !== null) netdevs.release(netdev);
      macs.release(mac);
    };
    return { part, nic: { link: part.link, netdev }, drain: async () => {}, close };
  } catch (error) {
    macs.release(mac);
    throw error;
  }
}

function wanted(values: DeviceValues): ReadonlySet<FeatureName> {
  const names = Object.entries(NET_FEATURES).flatMap(([property, feature]) =>
    boolOf(values, property) ? [feature] : [],
  );
  return new Set<FeatureName>([
    'mac',
    ...names,
    ...(numberOf(values, 'host_mtu') > 0 ? (['mtu'] as const) : []),
  ]);
}

function sizes(values: DeviceValues) {
  return {
    rxQueueSize: numberOf(values, 'rx_queue_size'),
    txQueueSize: numberOf(values, 'tx_queue_size'),
    mtu: numberOf(values, 'host_mtu'),
  };
}
