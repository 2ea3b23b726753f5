import { OBJECT_TYPES } from '../../options/machine-options.js';
import { defineCommand } from '../command.js';

/**
 * Makes an object: memory, or a source of entropy for devices that are added later.
 *
 * Arguments: as `-object`.
 * Errors: the id is taken, properties that it does not have, what is behind it cannot be opened; a migration is under way.
 * Since: 0.1
 *
 *     -> { "execute": "object-add", "arguments": { "qom-type": "rng-builtin", "id": "rng0" } }
 *     <- { "return": {} }
 */
export const objectAdd = defineCommand({
  name: 'object-add',
  args: { 'qom-type': { type: { enum: OBJECT_TYPES } }, id: { type: 'str' } },
  takesMore: true,
  run: ({ hotPlug }, args) => hotPlug.addObject(JSON.stringify(args)),
});
