import { closeFd } from '../../../native/index.js';
import { defineCommand } from '../command.js';
import { QmpError } from '../error.js';

/**
 * Closes a descriptor that was named by `getfd`.
 *
 * Errors: there is no such name.
 * Since: 0.1
 *
 *     -> { "execute": "closefd", "arguments": { "fdname": "state" } }
 *     <- { "return": {} }
 */
export const closefd = defineCommand({
  name: 'closefd',
  args: { fdname: { type: 'str' } },
  run({ descriptors }, { fdname }) {
    const fd = descriptors.names.take(fdname);
    if (fd === null) throw new QmpError(`File descriptor named '${fdname}' not found`);
    closeFd(fd);
  },
});
