import { defineCommand } from '../command.js';
import { QmpError } from '../error.js';

/**
 * The processors that could be plugged in.
 *
 * Errors: always, as the machine takes none.
 * Since: 0.1
 *
 *     -> { "execute": "query-hotpluggable-cpus" }
 *     <- { "error": { "class": "GenericError", "desc": "machine does not support hot-plugging CPUs" } }
 */
export const queryHotpluggableCpus = defineCommand({
  name: 'query-hotpluggable-cpus',
  args: {},
  returns: { array: { struct: {} } },
  run() {
    throw new QmpError('machine does not support hot-plugging CPUs');
  },
});
