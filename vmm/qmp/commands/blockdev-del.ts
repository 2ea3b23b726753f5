import { defineCommand } from '../command.js';

/**
 * Closes a block node that nothing uses, and what was declared inside of it.
 *
 * Errors: there is none of that name; it is used; a migration is under way.
 * Since: 0.1
 *
 *     -> { "execute": "blockdev-del", "arguments": { "node-name": "disk1" } }
 *     <- { "return": {} }
 */
export const blockdevDel = defineCommand({
  name: 'blockdev-del',
  args: { 'node-name': { type: 'str' } },
  run: ({ hotPlug }, { 'node-name': name }) => hotPlug.removeNode(name),
});
