import { defineCommand } from '../command.js';

/**
 * What the machine can do: it cannot be suspended.
 *
 * Since: 0.1
 *
 *     -> { "execute": "query-current-machine" }
 *     <- { "return": { "wakeup-suspend-support": false } }
 */
export const queryCurrentMachine = defineCommand({
  name: 'query-current-machine',
  args: {},
  returns: { struct: { 'wakeup-suspend-support': { type: 'bool' } } },
  run: () => ({ 'wakeup-suspend-support': false }),
});
