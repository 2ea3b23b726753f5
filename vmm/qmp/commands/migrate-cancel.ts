import { defineCommand } from '../command.js';

/**
 * Cancels the outgoing migration in every status before `completed`; the VM goes on as before it. No
 * effect when none is under way. Once STOP was seen, end the target before: it may hold the whole state.
 *
 * Since: 0.1
 *
 *     -> { "execute": "migrate_cancel" }
 *     <- { "return": {} }
 */
export const migrateCancel = defineCommand({
  name: 'migrate_cancel',
  args: {},
  run: ({ migration }) => migration.cancel(),
});
