import { RUN_STATES } from '../../run-state.js';
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
  returns: { struct: { status: { type: { enum: RUN_STATES } }, running: { type: 'bool' } } },
  run: ({ vm }) => vm.status(),
});
