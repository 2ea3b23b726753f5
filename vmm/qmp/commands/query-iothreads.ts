import { defineCommand } from '../command.js';

/**
 * The I/O threads; the machine has none.
 *
 * Since: 0.1
 *
 *     -> { "execute": "query-iothreads" }
 *     <- { "return": [] }
 */
export const queryIothreads = defineCommand({
  name: 'query-iothreads',
  args: {},
  returns: { array: { struct: {} } },
  run: () => [],
});
