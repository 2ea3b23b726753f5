import { defineCommand } from '../command.js';

/**
 * What runs the processor: `tcg` is the word for one in software.
 *
 * Since: 0.1
 *
 *     -> { "execute": "query-accelerators" }
 *     <- { "return": { "enabled": "tcg", "present": [ "tcg" ] } }
 */
export const queryAccelerators = defineCommand({
  name: 'query-accelerators',
  args: {},
  returns: { struct: { enabled: { type: 'str' }, present: { type: { array: 'str' } } } },
  run: () => ({ enabled: 'tcg', present: ['tcg'] }),
});
