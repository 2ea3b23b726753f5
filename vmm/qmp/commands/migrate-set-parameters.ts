import { defineCommand } from '../command.js';
import { MIGRATION_MODES } from '../protocol.js';

/**
 * Sets migration parameters; absent ones keep their value. They stay set until changed.
 *
 * Arguments: `mode`; `cpr-exec-command`, the program that mode cpr-exec executes, and its arguments; `cpr-uri`,
 * unix:PATH, the cpr channel of a `migrate` in mode cpr-transfer that names only the main one; `local`, in modes normal
 * and cpr-transfer: descriptors of network backends go in the main channel, which must be a unix socket, when the guest
 * has stopped. On a target it is set before `migrate-incoming`.
 * Errors: a parameter that is not offered; a migration is under way.
 * Since: 0.1
 *
 *     -> { "execute": "migrate-set-parameters", "arguments": { "mode": "cpr-transfer" } }
 *     <- { "return": {} }
 */
export const migrateSetParameters = defineCommand({
  name: 'migrate-set-parameters',
  args: {
    mode: { type: { enum: MIGRATION_MODES }, optional: true },
    'cpr-exec-command': { type: { array: 'str' }, optional: true },
    'cpr-uri': { type: 'str', optional: true },
    local: { type: 'bool', optional: true },
  },
  run: ({ migration }, parameters) => migration.setParameters(parameters),
});
