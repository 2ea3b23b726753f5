import { CAPABILITIES } from '../../migration/settings.js';
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
  returns: { array: { struct: { capability: { type: { enum: CAPABILITIES } }, state: { type: 'bool' } } } },
  run: ({ migration }) => migration.settings.capabilities(),
});
