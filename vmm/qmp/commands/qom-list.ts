import { defineCommand } from '../command.js';
import { findObject, qomTree } from '../qom.js';

/**
 * The properties of an object, those that are objects below it included (`child<TYPE>`).
 *
 * Errors: `DeviceNotFound` for a path that leads nowhere.
 * Since: 0.1
 *
 *     -> { "execute": "qom-list", "arguments": { "path": "/objects" } }
 *     <- { "return": [ { "name": "type", "type": "string" },
 *          { "name": "ram0", "type": "child<memory-backend-memfd>" } ] }
 */
export const qomList = defineCommand({
  name: 'qom-list',
  args: { path: { type: 'str' } },
  returns: { array: { struct: { name: { type: 'str' }, type: { type: 'str' } } } },
  run({ options }, { path }) {
    const { properties, children } = findObject(qomTree(options), path);
    return [
      { name: 'type', type: 'string' },
      ...Object.entries(properties).map(([name, { type }]) => ({ name, type })),
      ...Object.entries(children).map(([name, { type }]) => ({ name, type: `child<${type}>` })),
    ];
  },
});
