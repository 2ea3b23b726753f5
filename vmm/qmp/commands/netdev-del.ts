import { defineCommand } from '../command.js';

/**
 * Removes a network backend that no device uses.
 *
 * Errors: DeviceNotFound; it is used; a migration is under way.
 * Since: 0.1
 *
 *     -> { "execute": "netdev_del", "arguments": { "id": "net0" } }
 *     <- { "return": {} }
 */
export const netdevDel = defineCommand({
  name: 'netdev_del',
  args: { id: { type: 'str' } },
  run: ({ hotPlug }, { id }) => hotPlug.removeNetdev(id),
});
