import { defineCommand } from '../command.js';

/**
 * Presses the power button; event POWERDOWN. The guest decides what follows.
 *
 * Since: 0.1
 *
 *     -> { "execute": "system_powerdown" }
 *     <- { "return": {} }
 */
export const systemPowerdown = defineCommand({
  name: 'system_powerdown',
  args: {},
  run: ({ vm }) => vm.powerdown(),
});
