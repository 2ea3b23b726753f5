import { defineCommand } from '../command.js';

/**
 * The processor models there are.
 *
 * Since: 0.1
 *
 *     -> { "execute": "query-cpu-definitions" }
 *     <- { "return": [ { "name": "rv64", "typename": "rv64-riscv-cpu", "static": false, "deprecated": false } ] }
 */
export const queryCpuDefinitions = defineCommand({
  name: 'query-cpu-definitions',
  args: {},
  returns: {
    array: {
      struct: {
        name: { type: 'str' },
        typename: { type: 'str' },
        static: { type: 'bool' },
        deprecated: { type: 'bool' },
      },
    },
  },
  run: () => [{ name: 'rv64', typename: 'rv64-riscv-cpu', static: false, deprecated: false }],
});
