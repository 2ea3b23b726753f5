import { defineCommand } from '../command.js';

/**
 * The sets of descriptors; the machine has none.
 *
 * Since: 0.1
 *
 *     -> { "execute": "query-fdsets" }
 *     <- { "return": [] }
 */
export const queryFdsets = defineCommand({
  name: 'query-fdsets',
  args: {},
  returns: { array: { struct: {} } },
  run: () => [],
});
