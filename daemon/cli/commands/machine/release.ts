import { defineCommand } from '../../command.js';
import { machineArgument } from '../../words.js';

export const command = defineCommand({
  summary: 'Forget an adopted machine and leave it running',
  description: 'The daemon lets go of a machine that it had adopted: its VMM is not touched.',
  args: { machine: machineArgument },
  examples: [['baton machine release old1', 'let go of it']],
  async run({ client, out, json }, { machine }) {
    await client.machines.release(machine);
    if (!json) out.line(`${machine} is released; its VMM runs on.`);
  },
});
