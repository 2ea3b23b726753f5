import { defineCommand } from '../command.js';

/**
 * The block devices; the machine has none.
 *
 * Since: 0.1
 *
 *     -> { "execute": "query-block" }
 *     <- { "return": [] }
 */
export const queryBlock = defineCommand({
  name: 'query-block',
  args: {},
  returns: { array: { struct: {} } },
  run: () => [],
});
