import { defineCommand } from '../../command.js';
import { perform } from '../../following.js';
import { machinesArgument, noWait } from '../../words.js';

export const command = defineCommand({
  summary: 'Let paused machines go on',
  description: 'Lets the vCPUs of a paused machine run again.',
  args: { machines: machinesArgument },
  options: { wait: noWait },
  examples: [['baton machine resume web1', 'let it go on']],
  async run(context, { machines }, { wait }) {
    const ask = (machine: string) => context.client.machines.act(machine, 'resume');
    await perform(context, { machines, ask, done: 'runs', wait });
  },
});
