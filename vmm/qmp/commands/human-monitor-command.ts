import { defineCommand } from '../command.js';

/**
 * Does a line of the human monitor, and returns what it prints there, errors too.
 *
 * Arguments: `command-line`; `cpu-index`: accepted, there is one.
 * Since: 0.1
 *
 *     -> { "execute": "human-monitor-command", "arguments": { "command-line": "info status" } }
 *     <- { "return": "VM status: running\r\n" }
 */
export const humanMonitorCommand = defineCommand({
  name: 'human-monitor-command',
  args: { 'command-line': { type: 'str' }, 'cpu-index': { type: 'int', optional: true } },
  returns: 'str',
  run: async (context, { 'command-line': line }) => {
    const { executeLine } = await import('../../hmp/execute.js');
    return executeLine(context, line);
  },
});
