import { defineCommand } from '../command.js';

/**
 * Plugs a device into an empty virtio-mmio slot: the one that `bus` names, or the highest. virtio-mmio has no way to tell
 * the guest: it finds the device when its driver is bound to the slot (`/sys/bus/platform/drivers/virtio-mmio/bind`).
 *
 * Arguments: as `-device`.
 * Errors: the id or the slot is taken, the backend is not there or used, properties that it does not have; a migration is
 * under way.
 * Since: 0.1
 *
 *     -> { "execute": "device_add", "arguments": { "driver": "virtio-blk-device", "id": "disk1", "drive": "disk1" } }
 *     <- { "return": {} }
 */
export const deviceAdd = defineCommand({
  name: 'device_add',
  args: {
    driver: { type: 'str' },
    bus: { type: 'str', optional: true },
    id: { type: 'str', optional: true },
  },
  takesMore: true,
  run: ({ hotPlug }, args) => hotPlug.addDevice(JSON.stringify(args)),
});
