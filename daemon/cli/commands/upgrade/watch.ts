import { defineCommand } from '../../command.js';
import { resolveUpgrade } from '../../resolving.js';
import { showUpgrade } from '../../upgrade-progress.js';
import { one } from '../../words.js';

export const command = defineCommand({
  summary: 'Show how an upgrade goes, to its end',
  description:
    'Follows an upgrade to its end and ends as it does: with 0 if it succeeded, else with 1. A daemon that restarts meanwhile is waited for. On a terminal one block of lines changes; elsewhere each step is a line, and with --json each change a document.',
  args: { upgrade: one('Id of an upgrade, or a machine: its newest', { completion: 'upgrades' }) },
  examples: [['baton upgrade watch web1', 'the newest upgrade of a machine']],
  async run(context, args) {
    const { id, machine } = await resolveUpgrade(context.client, args.upgrade);
    const { name } = await context.client.machines.get(machine).catch(() => ({ name: machine }));
    await showUpgrade(context, { id, name });
  },
});
