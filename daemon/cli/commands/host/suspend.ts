import { defineCommand } from '../../command.js';
import { performOnHost } from '../../host-operations.js';
import { noWait } from '../../words.js';

export const command = defineCommand({
  summary: 'Suspend all machines that have a guest',
  description:
    'Saves all guests into files and ends their VMMs, a few at a time, as before a reboot of the host.',
  options: { wait: noWait },
  examples: [['baton host suspend', 'before a reboot']],
  async run(context, _args, { wait }) {
    await performOnHost(context, { answer: await context.client.host.suspend(), done: 'is suspended', wait });
  },
});
