import { defineCommand } from '../command.js';

/**
 * How the last or current migration stands, times in milliseconds; nothing before the first. With
 * `blocked-reasons` when the VM cannot go in the mode that is set.
 *
 * Since: 0.1
 *
 *     -> { "execute": "query-migrate" }
 *     <- { "return": { "status": "completed", "total-time": 61, "setup-time": 58, "downtime": 1,
 *          "ram": { "transferred": 6120, "remaining": 0, "total": 0 } } }
 */
export const queryMigrate = defineCommand({
  name: 'query-migrate',
  args: {},
  run: ({ migration }) => migration.info(),
});
