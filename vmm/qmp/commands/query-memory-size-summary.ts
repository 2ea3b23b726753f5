import { defineCommand } from '../command.js';

/**
 * How much memory the guest has, in bytes.
 *
 * Since: 0.1
 *
 *     -> { "execute": "query-memory-size-summary" }
 *     <- { "return": { "base-memory": 268435456 } }
 */
export const queryMemorySizeSummary = defineCommand({
  name: 'query-memory-size-summary',
  args: {},
  returns: { struct: { 'base-memory': { type: 'int' } } },
  run: ({ memory }) => ({ 'base-memory': memory.sizeBytes }),
});
