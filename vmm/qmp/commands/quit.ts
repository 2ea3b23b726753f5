import { defineCommand } from '../command.js';

/**
 * Ends the process, with event SHUTDOWN. A migration that is under way is cancelled.
 *
 * Since: 0.1
 *
 *     -> { "execute": "quit" }
 *     <- { "return": {} }
 */
export const quit = defineCommand({
  name: 'quit',
  args: {},
  run({ vm }) {
    // The answer goes out first.
    setImmediate(() => vm.quit('host-qmp-quit'));
  },
});
