import { defineCommand } from '../command.js';

/**
 * Stops the vCPU; event STOP when it was running. While a migration comes in: leaves the VM paused when it
 * has come. Answers when the vCPU has stopped. No effect in other run states.
 *
 * Since: 0.1
 *
 *     -> { "execute": "stop" }
 *     <- { "return": {} }
 */
export const stop = defineCommand({
  name: 'stop',
  args: {},
  run: ({ vm }) => vm.stop(),
});
