import { defineCommand } from '../../command.js';
import { perform } from '../../following.js';
import { machinesArgument, noWait } from '../../words.js';

export const command = defineCommand({
  summary: 'Let the vCPUs of machines stand still',
  description:
    'Stops the vCPUs. The guest keeps its memory and its connections, and goes on with baton machine resume.',
  args: { machines: machinesArgument },
  options: { wait: noWait },
  examples: [['baton machine pause web1', 'let it stand still']],
  async run(context, { machines }, { wait }) {
    const ask = (machine: string) => context.client.machines.act(machine, 'pause');
    await perform(context, { machines, ask, done: 'is paused', wait });
  },
});
