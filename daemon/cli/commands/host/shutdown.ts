import { defineCommand } from '../../command.js';
import { performOnHost } from '../../host-operations.js';
import { duration, noWait } from '../../words.js';

export const command = defineCommand({
  summary: 'Take all machines down as before a shutdown of the host',
  description:
    'Suspends or stops all machines, a few at a time, as the document of each says (onHostShutdown). Which ran is remembered for baton host boot. The host itself stays up. Under systemd baton-guests.service does this.',
  options: {
    grace: duration(
      '--grace <duration>',
      'How long the guests that are stopped have to power themselves off; default: what the daemon is configured with',
    ),
    wait: noWait,
  },
  examples: [
    ['baton host shutdown', 'before maintenance'],
    ['baton host shutdown --grace 2m', 'give guests two minutes'],
  ],
  async run(context, _args, { grace, wait }) {
    const body = grace === undefined ? {} : { powerdownMs: grace };
    const answer = await context.client.host.shutdown(body);
    await performOnHost(context, { answer, done: 'is down', wait });
  },
});
