import { defineCommand } from '../command.js';

/**
 * Whether the processor is the host's; it never is.
 *
 * Since: 0.1
 *
 *     -> { "execute": "query-kvm" }
 *     <- { "return": { "enabled": false, "present": false } }
 */
export const queryKvm = defineCommand({
  name: 'query-kvm',
  args: {},
  returns: { struct: { enabled: { type: 'bool' }, present: { type: 'bool' } } },
  run: () => ({ enabled: false, present: false }),
});
