import { defineCommand } from '../command.js';

/**
 * The memory devices beside RAM; the machine has none.
 *
 * Since: 0.1
 *
 *     -> { "execute": "query-memory-devices" }
 *     <- { "return": [] }
 */
export const queryMemoryDevices = defineCommand({
  name: 'query-memory-devices',
  args: {},
  returns: { array: { struct: {} } },
  run: () => [],
});
