import { defineCommand } from '../../command.js';
import { CommandError } from '../../exit-codes.js';
import { untilEnd } from '../../following.js';
import { resolveUpgrade } from '../../resolving.js';
import { noWait, one } from '../../words.js';

export const command = defineCommand({
  summary: 'Cancel an upgrade that has not committed',
  description:
    'Cancels an upgrade before its point of no return. It has ended when the source is as it was before.',
  args: { upgrade: one('Id of an upgrade, or a machine: its newest', { completion: 'upgrades' }) },
  options: { wait: noWait },
  examples: [['baton upgrade cancel web1', 'go back']],
  async run(context, args, { wait }) {
    const { client, out, json } = context;
    const { id } = await resolveUpgrade(client, args.upgrade);
    const asked = await client.operations.cancel(id);
    const operation = wait ? await untilEnd(context, id, 'upgrade') : asked;
    if (json) out.json(operation);
    if (wait && operation.state !== 'cancelled') {
      throw new CommandError('failed', `the upgrade has ${operation.state} before it could be cancelled`, [
        `baton upgrade show ${id}`,
      ]);
    }
    if (!json) out.line(wait ? 'The upgrade is cancelled.' : 'The upgrade is being cancelled.');
  },
});
