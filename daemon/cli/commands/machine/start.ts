import { defineCommand } from '../../command.js';
import { perform } from '../../following.js';
import { machinesArgument, noWait } from '../../words.js';

export const command = defineCommand({
  summary: 'Start machines',
  description: 'Starts stopped machines, each on the build that is its default, and waits until they run.',
  args: { machines: machinesArgument },
  options: { wait: noWait },
  examples: [
    ['baton machine start web1', 'start it and wait until it runs'],
    ['baton machine start web1 web2 --timeout 30s', 'start two, and wait 30 seconds at most'],
  ],
  async run(context, { machines }, { wait }) {
    const ask = (machine: string) => context.client.machines.act(machine, 'start');
    await perform(context, { machines, ask, done: 'runs', wait });
  },
});
