import { defineCommand } from '../command.js';

/**
 * The guest's architecture.
 *
 * Since: 0.1
 *
 *     -> { "execute": "query-target" }
 *     <- { "return": { "arch": "riscv64" } }
 */
export const queryTarget = defineCommand({
  name: 'query-target',
  args: {},
  returns: { struct: { arch: { type: { enum: ['riscv64'] } } } },
  run: () => ({ arch: 'riscv64' }),
});
