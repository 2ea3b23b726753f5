import { defineCommand } from '../command.js';
import { QmpError } from '../error.js';
import { findObject, findProperty, qomTree } from '../qom.js';

/**
 * Sets a property of an object. Most cannot be set while the VM is there; of `virtio-balloon-device` it is
 * `guest-stats-polling-interval`, in seconds, 0 for never.
 *
 * Errors: `DeviceNotFound` for a path that leads nowhere, `GenericError` for a property that the object lacks, or that
 * cannot be set, or not to this.
 * Since: 0.1
 *
 *     -> { "execute": "qom-set", "arguments": { "path": "/machine/peripheral/balloon0",
 *          "property": "guest-stats-polling-interval", "value": 2 } }
 *     <- { "return": {} }
 */
export const qomSet = defineCommand({
  name: 'qom-set',
  args: { path: { type: 'str' }, property: { type: 'str' }, value: { type: 'any' } },
  async run({ options, vm }, { path, property: name, value }) {
    const object = findObject(qomTree(options), path);
    const { access } = findProperty(object, name);
    const { device, type } = object;
    if (access === 'ask and set' && device && device.slot !== null) {
      await vm.askDevice(device.slot, { ask: 'set-property', name, value });
    } else if (access === 'fixed' && device) {
      const whose = device.id === null ? 'anonymous device' : `device '${device.id}'`;
      throw new QmpError(
        `Attempt to set property '${name}' on ${whose} (type '${type}') after it was realized`,
      );
    } else {
      throw new QmpError(`Property '${type}.${name}' is not writable`);
    }
  },
});
