import { noDescriptors } from '../../descriptors/monitor-descriptors.js';
import { defineCommand } from '../command.js';
import { QmpError } from '../error.js';

/**
 * Does a line of the human monitor, and returns what it prints there, errors too.
 *
 * Arguments: `command-line`; `cpu-index`: 0, there is one.
 * Since: 0.1
 *
 *     -> { "execute": "human-monitor-command", "arguments": { "command-line": "info status" } }
 *     <- { "return": "VM status: running\r\n" }
 */
export const humanMonitorCommand = defineCommand({
  name: 'human-monitor-command',
  args: { 'command-line': { type: 'str' }, 'cpu-index': { type: 'int', optional: true } },
  returns: 'str',
  run: async (context, { 'command-line': line, 'cpu-index': cpu = 0 }) => {
    if (cpu !== 0) throw new QmpError("Parameter 'cpu-index' expects a CPU number");
    const { executeLine } = await import('../../hmp/execute.js');
    return executeLine({ ...context, descriptors: noDescriptors() }, line);
  },
});
