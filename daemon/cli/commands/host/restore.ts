import { defineCommand } from '../../command.js';
import { performOnHost } from '../../host-operations.js';
import { noWait } from '../../words.js';

export const command = defineCommand({
  summary: 'Restore all suspended machines',
  description: 'Lets all suspended machines go on where they were, a few at a time, each on its build.',
  options: { wait: noWait },
  examples: [['baton host restore', 'after a reboot']],
  async run(context, _args, { wait }) {
    await performOnHost(context, { answer: await context.client.host.restore(), done: 'is restored', wait });
  },
});
