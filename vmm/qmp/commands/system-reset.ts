import { defineCommand } from '../command.js';

/**
 * Resets the guest as the reset button would; event RESET. Refused while RAM may be in use by another
 * process: during and after a migration.
 *
 * Since: 0.1
 *
 *     -> { "execute": "system_reset" }
 *     <- { "return": {} }
 */
export const systemReset = defineCommand({
  name: 'system_reset',
  args: {},
  allowedIn: ['running', 'paused', 'prelaunch', 'shutdown'],
  run: ({ vm }) => vm.reset(),
});
