import { defineCommand } from '../command.js';
import { migrateSetParameters } from './migrate-set-parameters.js';

/**
 * The migration parameters.
 *
 * Since: 0.1
 *
 *     -> { "execute": "query-migrate-parameters" }
 *     <- { "return": { "mode": "normal", "cpr-exec-command": [], "local": false } }
 */
export const queryMigrateParameters = defineCommand({
  name: 'query-migrate-parameters',
  args: {},
  returns: { struct: migrateSetParameters.args },
  run: ({ migration }) => migration.settings.parameters(),
});
