import { closeFd } from '../../../native/index.js';
import { defineCommand } from '../command.js';
import { QmpError } from '../error.js';

/**
 * Gives a name to a descriptor that came with the command (SCM_RIGHTS), for `fd:NAME` and for other commands of this
 * monitor. One that had the name is closed.
 *
 * Errors: no descriptor came; the name begins with a digit.
 * Since: 0.1
 *
 *     -> { "execute": "getfd", "arguments": { "fdname": "state" } }
 *     <- { "return": {} }
 */
export const getfd = defineCommand({
  name: 'getfd',
  args: { fdname: { type: 'str' } },
  run({ descriptors }, { fdname }) {
    const fd = descriptors.receive();
    if (/^[0-9]/.test(fdname)) {
      closeFd(fd);
      throw new QmpError("Parameter 'fdname' expects a name not starting with a digit");
    }
    descriptors.names.set(fdname, fd);
  },
});
