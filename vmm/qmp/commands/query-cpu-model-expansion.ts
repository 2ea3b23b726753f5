import { CPU_EXTENSIONS } from '../../cpu/extensions.js';
import { defineCommand } from '../command.js';
import { QmpError } from '../error.js';
import { isRecord } from '../protocol.js';

const MODEL = { name: { type: 'str' }, props: { type: 'any', optional: true } } as const;

/**
 * What a processor model consists of: its extensions beyond the letters. There is one model, and nothing of it can
 * be changed.
 *
 * Errors: `GenericError` for another model, a property that it has not, or a type other than `full`.
 * Since: 0.1
 *
 *     -> { "execute": "query-cpu-model-expansion", "arguments": { "type": "full", "model": { "name": "rv64" } } }
 *     <- { "return": { "model": { "name": "rv64", "props": { "zicsr": true, "sstc": true, … } } } }
 */
export const queryCpuModelExpansion = defineCommand({
  name: 'query-cpu-model-expansion',
  args: { type: { type: { enum: ['full', 'static'] } }, model: { type: { struct: MODEL } } },
  returns: { struct: { model: { type: { struct: MODEL } } } },
  run(_, { type, model }) {
    if (type !== 'full') throw new QmpError('The requested expansion type is not supported');
    if (model.name !== 'rv64') {
      throw new QmpError(`The CPU type '${model.name}' is not a known RISC-V CPU type`);
    }
    const { props: wanted = {} } = model;
    if (!isRecord(wanted)) throw new QmpError("Invalid parameter type for 'model.props', expected: object");
    for (const [name, value] of Object.entries(wanted)) {
      if (!CPU_EXTENSIONS.includes(name)) throw new QmpError(`Property 'rv64-riscv-cpu.${name}' not found`);
      if (value !== true) throw new QmpError(`'${name}' is part of the one model there is: only true`);
    }
    const props = Object.fromEntries(CPU_EXTENSIONS.map((name) => [name, true]));
    return { model: { name: 'rv64', props } };
  },
});
