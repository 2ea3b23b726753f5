import { fdSets } from '../../descriptors/open-path.js';
import { defineCommand } from '../command.js';

/**
 * Closes a descriptor of a set, or the whole set. Files that were opened by its path stay open.
 *
 * Errors: there is no such set, or it has no such descriptor.
 * Since: 0.1
 *
 *     -> { "execute": "remove-fd", "arguments": { "fdset-id": 1, "fd": 30 } }
 *     <- { "return": {} }
 */
export const removeFd = defineCommand({
  name: 'remove-fd',
  args: { 'fdset-id': { type: 'int' }, fd: { type: 'int', optional: true } },
  run: (_, { 'fdset-id': id, fd = null }) => fdSets.remove(id, fd),
});
