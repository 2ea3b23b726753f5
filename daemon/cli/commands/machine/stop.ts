import { defineCommand } from '../../command.js';
import { perform } from '../../following.js';
import { duration, machinesArgument, noWait } from '../../words.js';

export const command = defineCommand({
  summary: 'Press the power button of machines',
  description:
    'Presses the power button. A guest that has not powered itself off in time has its VMM ended; without a grace, that is done at once.',
  args: { machines: machinesArgument },
  options: {
    grace: duration('--grace <duration>', 'How long the guest has to power itself off; the daemon takes 5s'),
    wait: noWait,
  },
  examples: [
    ['baton machine stop web1', 'power it off'],
    ['baton machine stop web1 --grace 2m', 'give its guest two minutes'],
    ['baton machine stop web1 --grace 0s', 'let the VMM quit at once'],
  ],
  async run(context, { machines }, { grace, wait }) {
    const body = grace === undefined ? {} : { powerdownMs: grace };
    const ask = (machine: string) => context.client.machines.stop(machine, body);
    await perform(context, { machines, ask, done: 'is stopped', wait });
  },
});
