import { defineCommand } from '../command.js';

/**
 * Takes a device out, whether the guest has let go of it (`/sys/bus/platform/drivers/virtio-mmio/unbind`) or not. What the
 * host works at for it is finished first; then event DEVICE_DELETED tells.
 *
 * Arguments: `id`, or the path of the device.
 * Errors: DeviceNotFound; it cannot be unplugged; the host does not finish; a migration is under way.
 * Since: 0.1
 *
 *     -> { "execute": "device_del", "arguments": { "id": "disk1" } }
 *     <- { "return": {} }
 */
export const deviceDel = defineCommand({
  name: 'device_del',
  args: { id: { type: 'str' } },
  run: ({ hotPlug }, { id }) => hotPlug.removeDevice(id),
});
