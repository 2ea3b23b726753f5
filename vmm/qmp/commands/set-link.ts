import { defineCommand } from '../command.js';
import { QmpError } from '../error.js';

/**
 * Pulls the cable of a network device, or plugs it in again.
 *
 * Arguments: `name`, of the device or of its backend; `up`.
 * Errors: DeviceNotFound.
 * Since: 0.1
 *
 *     -> { "execute": "set_link", "arguments": { "name": "nic0", "up": false } }
 *     <- { "return": {} }
 */
export const setLink = defineCommand({
  name: 'set_link',
  args: { name: { type: 'str' }, up: { type: 'bool' } },
  run: async ({ vm }, { name, up }) => {
    const { nics, netdevs } = await vm.network({ kind: 'report' });
    if (!nics.some((nic) => nic.name === name) && !netdevs.some(({ id }) => id === name)) {
      throw new QmpError(`Device '${name}' not found`, 'DeviceNotFound');
    }
    await vm.network({ kind: 'set-link', name, isUp: up });
  },
});
