/** `virtio-net-device`: its properties, and the network backend that it names. */
import { VhostUserNet, type VhostUserNetOptions } from '../../devices/vhost-user-net/device.js';
import { NO_BACKEND } from '../../devices/virtio-net/backend.js';
import type { FeatureName } from '../../devices/virtio-net/features.js';
import { virtioNet } from '../../devices/virtio-net/part.js';
import type { Netdev } from '../../net/netdev.js';
import { boolOf, type DeviceValues, numberOf, textOf } from '../../options/device-type.js';
import { NET_FEATURES } from '../../options/net-device-type.js';
import type { VhostUserNetdevOptions } from '../../options/netdev-options.js';
import type { DeviceOptions } from '../../options/options.js';
import { greetNet } from '../../vhost-user/greetings.js';
import type { DeviceContext, OpenPart } from '../devices.js';
import { openVhostUser } from './vhost-user.js';

export async function openNet(device: DeviceOptions, context: DeviceContext): Promise<OpenPart> {
  const { netdevs, macs } = context;
  const netdev = textOf(device.values, 'netdev');
  const mac = macs.take(textOf(device.values, 'mac'));
  let used: Netdev | null = null;
  const release = () => {
    if (used !== null && netdev !== null) netdevs.release(netdev);
    macs.release(mac);
  };
  try {
    used = netdev === null ? null : netdevs.use(netdev, device.id ?? device.driver);
    const properties = { mac, features: wanted(device.values), ...sizes(device.values) };
    if (used?.options.type === 'vhost-user') {
      return await openVhostUserNet(properties, used.options, context, release);
    }
    const part = virtioNet(properties, used ?? NO_BACKEND);
    return { part, nic: { link: part.link, netdev }, drain: async () => {}, close: async () => release() };
  } catch (error) {
    release();
    throw error;
  }
}

async function openVhostUserNet(
  properties: VhostUserNetOptions,
  { id, chardev }: VhostUserNetdevOptions,
  context: DeviceContext,
  release: () => void,
): Promise<OpenPart> {
  const { backend, carrier } = await openVhostUser(chardev, 'network', greetNet, context);
  const close = async () => {
    backend.close();
    release();
  };
  try {
    const device = new VhostUserNet(properties, backend);
    const { part, link } = device;
    return { part, carrier, nic: { link, netdev: id }, drain: () => device.drain(), close };
  } catch (error) {
    backend.close();
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
