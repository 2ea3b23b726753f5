import { defineCommand } from '../command.js';
import { findObject, propertyOf, qomTree } from '../qom.js';

/**
 * One property of an object.
 *
 * Errors: `DeviceNotFound` for a path that leads nowhere, `GenericError` for a property that the object lacks.
 * Since: 0.1
 *
 *     -> { "execute": "qom-get", "arguments": { "path": "/machine", "property": "aux-ram-share" } }
 *     <- { "return": true }
 */
export const qomGet = defineCommand({
  name: 'qom-get',
  args: { path: { type: 'str' }, property: { type: 'str' } },
  returns: 'any',
  run: ({ options }, { path, property }) => propertyOf(findObject(qomTree(options), path), property),
});
