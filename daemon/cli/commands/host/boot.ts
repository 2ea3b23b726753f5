import { defineCommand } from '../../command.js';
import { performOnHost } from '../../host-operations.js';
import { noWait } from '../../words.js';

export const command = defineCommand({
  summary: 'Bring all machines back as after a boot of the host',
  description:
    'Restores, starts or leaves all machines, a few at a time, as the document of each says (onHostBoot). Under systemd baton-guests.service does this.',
  options: { wait: noWait },
  examples: [['baton host boot', 'after baton host shutdown']],
  async run(context, _args, { wait }) {
    await performOnHost(context, { answer: await context.client.host.boot(), done: 'is back', wait });
  },
});
