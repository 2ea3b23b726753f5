import type { VmmOptions } from '../../options/options.js';
import { defineCommand } from '../command.js';
import { QmpError } from '../error.js';

/** Properties of `/machine` that say how the VM was started. */
const MACHINE_PROPERTIES: Readonly<Record<string, (options: VmmOptions) => unknown>> = {
  type: ({ machine }) => `${machine.type}-machine`,
  'aux-ram-share': ({ machine }) => machine.auxRamShare,
  'memory-backend': ({ machine }) => machine.memoryBackend ?? '',
};

/**
 * One property of an object; the only object is `/machine`.
 *
 * Errors: `DeviceNotFound` for another path, `GenericError` for a property it lacks.
 * Since: 0.1
 *
 *     -> { "execute": "qom-get", "arguments": { "path": "/machine", "property": "aux-ram-share" } }
 *     <- { "return": true }
 */
export const qomGet = defineCommand({
  name: 'qom-get',
  args: { path: { type: 'str' }, property: { type: 'str' } },
  run({ options }, { path, property }) {
    if (path !== '/machine') throw new QmpError(`Device '${path}' not found`, 'DeviceNotFound');
    const read = Object.hasOwn(MACHINE_PROPERTIES, property) ? MACHINE_PROPERTIES[property] : undefined;
    if (read === undefined) {
      throw new QmpError(`Property '${options.machine.type}-machine.${property}' not found`);
    }
    return read(options);
  },
});
