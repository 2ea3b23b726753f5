import { defineCommand } from '../command.js';

/**
 * The migration parameters.
 *
 * Since: 0.1
 *
 *     -> { "execute": "query-migrate-parameters" }
 *     <- { "return": { "mode": "normal", "cpr-exec-command": [] } }
 */
export const queryMigrateParameters = defineCommand({
  name: 'query-migrate-parameters',
  args: {},
  run: ({ migration }) => migration.settings.parameters(),
});
