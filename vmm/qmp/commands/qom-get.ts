import { defineCommand } from '../command.js';
import { findObject, findProperty, qomTree } from '../qom.js';

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
  async run({ options, vm }, { path, property: name }) {
    const object = findObject(qomTree(options), path);
    const { access, value } = findProperty(object, name);
    const slot = access?.startsWith('ask') ? (object.device?.slot ?? null) : null;
    return slot === null ? value : vm.askDevice(slot, { ask: 'property', name });
  },
});
