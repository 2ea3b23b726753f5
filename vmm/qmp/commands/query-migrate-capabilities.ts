import { defineCommand } from '../command.js';

/**
 * The migration capabilities that are offered, and whether they are on.
 *
 * Since: 0.1
 *
 *     -> { "execute": "query-migrate-capabilities" }
 *     <- { "return": [ { "capability": "events", "state": false } ] }
 */
export const queryMigrateCapabilities = defineCommand({
  name: 'query-migrate-capabilities',
  args: {},
  run: ({ migration }) => migration.settings.capabilities(),
});
