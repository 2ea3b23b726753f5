import { defineCommand } from '../command.js';
import { QmpError } from '../error.js';

/**
 * Ends capabilities negotiation; the session answers the first one itself.
 *
 * Arguments: `enable`, the capabilities to use; none is offered.
 * Errors: `CommandNotFound` when negotiation is over, `GenericError` for a capability that is not offered.
 * Since: 0.1
 *
 *     -> { "execute": "qmp_capabilities" }
 *     <- { "return": {} }
 */
export const qmpCapabilities = defineCommand({
  name: 'qmp_capabilities',
  args: { enable: { type: { array: 'str' }, optional: true } },
  run() {
    throw new QmpError('Capabilities negotiation is already complete, command ignored', 'CommandNotFound');
  },
});
