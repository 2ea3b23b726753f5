import { CAPABILITIES } from '../../migration/settings.js';
import { defineCommand } from '../command.js';

/**
 * Switches migration capabilities; those not named keep their value.
 *
 * Errors: a capability that is not offered; a migration is under way.
 * Since: 0.1
 *
 *     -> { "execute": "migrate-set-capabilities", "arguments": { "capabilities": [
 *          { "capability": "events", "state": true } ] } }
 *     <- { "return": {} }
 */
export const migrateSetCapabilities = defineCommand({
  name: 'migrate-set-capabilities',
  args: {
    capabilities: {
      type: {
        array: { struct: { capability: { type: { enum: CAPABILITIES } }, state: { type: 'bool' } } },
      },
    },
  },
  run: ({ migration }, { capabilities }) => migration.setCapabilities(capabilities),
});
