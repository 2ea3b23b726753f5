import { defineCommand } from '../command.js';
import { QmpError } from '../error.js';

/**
 * Wakes a guest that sleeps; none does, because the machine offers no sleep.
 *
 * Errors: always.
 * Since: 0.1
 *
 *     -> { "execute": "system_wakeup" }
 *     <- { "error": { "class": "GenericError", "desc": "wake-up from suspend is not supported by this guest" } }
 */
export const systemWakeup = defineCommand({
  name: 'system_wakeup',
  args: {},
  run() {
    throw new QmpError('wake-up from suspend is not supported by this guest');
  },
});
