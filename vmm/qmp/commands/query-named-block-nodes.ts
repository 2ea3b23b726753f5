import { defineCommand } from '../command.js';

/**
 * The block nodes; the machine has none.
 *
 * Since: 0.1
 *
 *     -> { "execute": "query-named-block-nodes" }
 *     <- { "return": [] }
 */
export const queryNamedBlockNodes = defineCommand({
  name: 'query-named-block-nodes',
  args: { flat: { type: 'bool', optional: true } },
  returns: { array: { struct: {} } },
  run: () => [],
});
