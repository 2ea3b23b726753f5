import { defineCommand } from '../../command.js';
import { perform } from '../../following.js';
import { machinesArgument, noWait } from '../../words.js';

export const command = defineCommand({
  summary: 'Save guests into files and end their VMMs',
  description:
    'Saves the guest into a file and ends its VMM; also for a reboot of the host. It goes on where it was with baton machine restore, on the same build or another.',
  args: { machines: machinesArgument },
  options: { wait: noWait },
  examples: [
    ['baton machine suspend web1', 'save it'],
    ['baton host suspend', 'save all of them'],
  ],
  async run(context, { machines }, { wait }) {
    const ask = (machine: string) => context.client.machines.act(machine, 'suspend');
    await perform(context, { machines, ask, done: 'is suspended', wait });
  },
});
