import { defineCommand } from '../command.js';

/**
 * Removes an object.
 *
 * Errors: there is none of that id; it is used; a migration is under way.
 * Since: 0.1
 *
 *     -> { "execute": "object-del", "arguments": { "id": "rng0" } }
 *     <- { "return": {} }
 */
export const objectDel = defineCommand({
  name: 'object-del',
  args: { id: { type: 'str' } },
  run: ({ hotPlug }, { id }) => hotPlug.removeObject(id),
});
