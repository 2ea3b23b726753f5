import { defineCommand } from '../../command.js';
import { perform } from '../../following.js';
import { machinesArgument, noWait } from '../../words.js';

export const command = defineCommand({
  summary: 'End the VMM of machines at once',
  description:
    'Ends the VMM process at once, as pulling the plug does. What the guest had not written to its disks is lost.',
  args: { machines: machinesArgument },
  options: { wait: noWait },
  examples: [['baton machine kill web1', 'end it whatever it does']],
  async run(context, { machines }, { wait }) {
    const ask = (machine: string) => context.client.machines.act(machine, 'kill');
    await perform(context, { machines, ask, done: 'has been killed', wait });
  },
});
