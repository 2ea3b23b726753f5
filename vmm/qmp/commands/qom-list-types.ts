import { defineCommand } from '../command.js';
import { isA, QOM_TYPES } from '../object-types.js';

/**
 * The types of objects there are: all, or those that are or implement one; abstract ones only when asked for.
 *
 * Since: 0.1
 *
 *     -> { "execute": "qom-list-types", "arguments": { "implements": "memory-backend" } }
 *     <- { "return": [ { "name": "memory-backend-memfd", "parent": "memory-backend" }, … ] }
 */
export const qomListTypes = defineCommand({
  name: 'qom-list-types',
  args: { implements: { type: 'str', optional: true }, abstract: { type: 'bool', optional: true } },
  returns: {
    array: {
      struct: {
        name: { type: 'str' },
        abstract: { type: 'bool', optional: true },
        parent: { type: 'str', optional: true },
      },
    },
  },
  run: (_, { implements: wanted, abstract: all = false }) =>
    QOM_TYPES.filter((type) => (all || !type.abstract) && (wanted === undefined || isA(type, wanted))).map(
      ({ name, parent, abstract }) => ({ name, ...(abstract && { abstract }), ...(parent && { parent }) }),
    ),
});
