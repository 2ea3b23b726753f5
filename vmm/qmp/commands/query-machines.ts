import { DEFAULT_RAM_ID } from '../../memory/guest-memory.js';
import { defineCommand } from '../command.js';

const COMMON = {
  'cpu-max': 1,
  'hotpluggable-cpus': false,
  'numa-mem-supported': false,
  deprecated: false,
  acpi: false,
};

const MACHINES = [
  {
    ...COMMON,
    name: 'virt',
    'is-default': true,
    'default-cpu-type': 'rv64-riscv-cpu',
    'default-ram-id': DEFAULT_RAM_ID,
  },
  { ...COMMON, name: 'none', 'default-ram-id': 'ram' },
];

/** Only versioned machine types have some. */
const NO_COMPAT = { 'compat-props': [] };
const COMPAT_PROPERTIES = {
  array: { struct: { 'qom-type': { type: 'str' }, property: { type: 'str' }, value: { type: 'str' } } },
} as const;

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
  args: { 'compat-props': { type: 'bool', optional: true } },
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
        'compat-props': { type: COMPAT_PROPERTIES, optional: true },
      },
    },
  },
  run: (_, { 'compat-props': wanted = false }) =>
    MACHINES.map((machine) => ({ ...machine, ...(wanted && NO_COMPAT) })),
});
