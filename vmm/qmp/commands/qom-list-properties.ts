import { defineCommand } from '../command.js';
import { QmpError } from '../error.js';
import { findType, propertiesOfType } from '../object-types.js';

export const PROPERTY_LIST = {
  array: {
    struct: {
      name: { type: 'str' },
      type: { type: 'str' },
      description: { type: 'str', optional: true },
      'default-value': { type: 'any', optional: true },
    },
  },
} as const;

/**
 * The properties of objects of a type.
 *
 * Errors: `DeviceNotFound` for a type that is not there.
 * Since: 0.1
 *
 *     -> { "execute": "qom-list-properties", "arguments": { "typename": "memory-backend-memfd" } }
 *     <- { "return": [ { "name": "size", "type": "int", "description": "…" }, … ] }
 */
export const qomListProperties = defineCommand({
  name: 'qom-list-properties',
  args: { typename: { type: 'str' } },
  returns: PROPERTY_LIST,
  run(_, { typename }) {
    const type = findType(typename);
    if (type === undefined) throw new QmpError(`Class '${typename}' not found`, 'DeviceNotFound');
    return propertiesOfType(type);
  },
});
