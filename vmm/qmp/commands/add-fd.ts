import { fdSets } from '../../descriptors/open-path.js';
import { defineCommand } from '../command.js';

/**
 * Puts a descriptor that came with the command (SCM_RIGHTS) into a set, whose path is /dev/fdset/ID. Without an id a new
 * set is made.
 *
 * Errors: no descriptor came; the id is below 0.
 * Since: 0.1
 *
 *     -> { "execute": "add-fd", "arguments": { "fdset-id": 1 } }
 *     <- { "return": { "fdset-id": 1, "fd": 30 } }
 */
export const addFd = defineCommand({
  name: 'add-fd',
  args: { 'fdset-id': { type: 'int', optional: true }, opaque: { type: 'str', optional: true } },
  returns: { struct: { 'fdset-id': { type: 'int' }, fd: { type: 'int' } } },
  run: ({ descriptors }, { 'fdset-id': id = null, opaque }) => fdSets.add(descriptors.receive(), id, opaque),
});
