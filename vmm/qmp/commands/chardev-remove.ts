import { defineCommand } from '../command.js';

/**
 * Closes a character device that nothing uses.
 *
 * Errors: there is none of that id; it is used; a migration is under way.
 * Since: 0.1
 *
 *     -> { "execute": "chardev-remove", "arguments": { "id": "c0" } }
 *     <- { "return": {} }
 */
export const chardevRemove = defineCommand({
  name: 'chardev-remove',
  args: { id: { type: 'str' } },
  run: ({ hotPlug }, { id }) => hotPlug.removeChardev(id),
});
