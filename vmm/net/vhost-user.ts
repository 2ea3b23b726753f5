/**
 * A network that another process reaches: it has the guest's queues itself (vhost-user), so no frame comes by here. The
 * device that uses it has the connection, which goes with the guest.
 */
import type { CarriedDescriptor } from '../carried.js';
import { NO_BACKEND } from '../devices/virtio-net/backend.js';
import type { VhostUserNetdevOptions } from '../options/netdev-options.js';
import type { Netdev, NetdevState } from './netdev.js';

const NOTHING = new Uint8Array();

export function vhostUserNetdev(options: VhostUserNetdevOptions): Netdev {
  return {
    ...NO_BACKEND,
    options,
    summary: `vhost-user to ${options.chardev}`,
    carry: (): readonly CarriedDescriptor[] => [],
    carried() {},
    save: (): NetdevState => ({ received: NOTHING, unsent: NOTHING, offloads: 0 }),
    load() {},
    close() {},
  };
}
