/** Which chardevs are sockets of processes that serve devices (vhost-user): those devices speak with them directly. */
import { textOf } from './device-type.js';
import type { DeviceOptions, NetdevOptions, VmmOptions } from './options.js';

/** Null: the device has none. */
export function vhostUserChardevOf(
  { driver, values }: DeviceOptions,
  netdevs: readonly NetdevOptions[],
): string | null {
  if (driver === 'vhost-user-blk') return textOf(values, 'chardev');
  const id = textOf(values, 'netdev');
  const netdev = netdevs.find((candidate) => candidate.id === id);
  return netdev?.type === 'vhost-user' ? netdev.chardev : null;
}

export function isOfVhostUser(id: string, { devices, netdevs }: VmmOptions): boolean {
  return (
    devices.some((device) => vhostUserChardevOf(device, netdevs) === id) ||
    netdevs.some((netdev) => netdev.type === 'vhost-user' && netdev.chardev === id)
  );
}
