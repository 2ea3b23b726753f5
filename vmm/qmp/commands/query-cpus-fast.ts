import { defineCommand } from '../command.js';

/**
 * The vCPUs. `thread-id` is the process: the thread that runs the vCPU has no number that Node shows.
 *
 * Since: 0.1
 *
 *     -> { "execute": "query-cpus-fast" }
 *     <- { "return": [ { "cpu-index": 0, "qom-path": "/machine/soc0/harts[0]", "thread-id": 4711,
 *          "target": "riscv64" } ] }
 */
export const queryCpusFast = defineCommand({
  name: 'query-cpus-fast',
  args: {},
  returns: {
    array: {
      struct: {
        'cpu-index': { type: 'int' },
        'qom-path': { type: 'str' },
        'thread-id': { type: 'int' },
        target: { type: { enum: ['riscv64'] } },
      },
    },
  },
  run({ options }) {
    if (options.machine.type === 'none') return [];
    const path = '/machine/soc0/harts[0]';
    return [{ 'cpu-index': 0, 'qom-path': path, 'thread-id': process.pid, target: 'riscv64' }];
  },
});
