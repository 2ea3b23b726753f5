import { defineCommand } from '../command.js';

const COMMON = {
  'cpu-max': 1,
  'hotpluggable-cpus': false,
  'numa-mem-supported': false,
  deprecated: false,
  acpi: false,
};

/**
 * The machine types: one, and `none` for asking without a machine.
 *
 * Since: 0.1
 *
 *     -> { "execute": "query-machines" }
 *     <- { "return": [ { "name": "virt", "is-default": true, "cpu-max": 1, … } ] }
 */
export const queryMachines = defineCommand({
  name: 'query-machines',
  args: {},
  returns: {
    array: {
      struct: {
        name: { type: 'str' },
        'is-default': { type: 'bool', optional: true },
        'cpu-max': { type: 'int' },
        'hotpluggable-cpus': { type: 'bool' },
        'numa-mem-supported': { type: 'bool' },
        deprecated: { type: 'bool' },
        acpi: { type: 'bool' },
        'default-cpu-type': { type: 'str', optional: true },
        'default-ram-id': { type: 'str', optional: true },
      },
    },
  },
  run: () => [
    {
      ...COMMON,
      name: 'virt',
      'is-default': true,
      'default-cpu-type': 'rv64-riscv-cpu',
      'default-ram-id': 'riscv_virt_board.ram',
    },
    { ...COMMON, name: 'none' },
  ],
});
