import { defineCommand } from '../command.js';

/**
 * The run state, and whether the vCPU runs.
 *
 * Since: 0.1
 *
 *     -> { "execute": "query-status" }
 *     <- { "return": { "status": "running", "running": true } }
 */
export const queryStatus = defineCommand({
  name: 'query-status',
  args: {},
  run: ({ vm }) => vm.status(),
});
