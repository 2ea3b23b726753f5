/** Tells monitors what happens to the network, in QEMU's words. */
import type { NetworkEvent } from '../net/report.js';
import type { NetdevOptions } from '../options/netdev-options.js';
import type { EventHub } from './events.js';

export function emitNetworkEvent(
  events: EventHub,
  event: NetworkEvent,
  netdevs: readonly NetdevOptions[],
): void {
  if (event.event === 'filter-changed') {
    const { id, index } = event;
    const path = id === null ? `/machine/peripheral-anon/device[${index}]` : `/machine/peripheral/${id}`;
    events.emit('NIC_RX_FILTER_CHANGED', { ...(id === null ? {} : { name: id }), path });
  } else if (event.event === 'disconnected') {
    events.emit('NETDEV_STREAM_DISCONNECTED', { 'netdev-id': event.netdev });
  } else {
    const options = netdevs.find(({ id }) => id === event.netdev);
    const { path, fd } = options?.type === 'stream' ? options : { path: null, fd: 0 };
    const addr =
      path === null ? { type: 'fd' as const, str: String(fd ?? 0) } : { type: 'unix' as const, path };
    events.emit('NETDEV_STREAM_CONNECTED', { 'netdev-id': event.netdev, addr });
  }
}
