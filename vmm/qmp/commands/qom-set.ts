import { defineCommand } from '../command.js';
import { QmpError } from '../error.js';
import { findObject, propertyOf, qomTree } from '../qom.js';

/**
 * Sets a property of an object: none can be set while the VM is there.
 *
 * Errors: `DeviceNotFound` for a path that leads nowhere, `GenericError` for a property that the object lacks, and
 * for every one that it has.
 * Since: 0.1
 *
 *     -> { "execute": "qom-set", "arguments": { "path": "/machine", "property": "type", "value": "x" } }
 *     <- { "error": { "class": "GenericError", "desc": "Insufficient permission to perform this operation" } }
 */
export const qomSet = defineCommand({
  name: 'qom-set',
  args: { path: { type: 'str' }, property: { type: 'str' }, value: { type: 'any' } },
  run({ options }, { path, property }) {
    propertyOf(findObject(qomTree(options), path), property);
    throw new QmpError('Insufficient permission to perform this operation');
  },
});
