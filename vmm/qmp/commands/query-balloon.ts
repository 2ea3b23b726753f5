import { balloonSlot } from '../balloon.js';
import { defineCommand } from '../command.js';

/**
 * How many bytes of memory the guest has, less what it has given back.
 *
 * Errors: `DeviceNotActive` without a balloon.
 * Since: 0.1
 *
 *     -> { "execute": "query-balloon" }
 *     <- { "return": { "actual": 1073741824 } }
 */
export const queryBalloon = defineCommand({
  name: 'query-balloon',
  args: {},
  returns: { struct: { actual: { type: 'int' } } },
  run: async ({ options, vm }) => ({
    actual: await vm.askDevice(balloonSlot(options), { ask: 'balloon' }),
  }),
});
