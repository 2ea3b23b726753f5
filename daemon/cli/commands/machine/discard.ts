import { defineCommand } from '../../command.js';
import { perform } from '../../following.js';
import { machinesArgument, noWait } from '../../words.js';

export const command = defineCommand({
  summary: 'Throw the saved state of suspended machines away',
  description:
    'Throws the file away that holds the guest of a suspended machine. The machine is stopped then: what its guest had not written to its disks is lost.',
  args: { machines: machinesArgument },
  options: { wait: noWait },
  examples: [['baton machine discard web1', 'forget its guest']],
  async run(context, { machines }, { wait }) {
    const ask = (machine: string) => context.client.machines.act(machine, 'discard');
    await perform(context, { machines, ask, done: 'is stopped', wait });
  },
});
