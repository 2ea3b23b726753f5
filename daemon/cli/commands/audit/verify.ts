import { defineCommand } from '../../command.js';
import { CommandError } from '../../exit-codes.js';
import { safe } from '../../output/style.js';
import { text } from '../../words.js';

export const command = defineCommand({
  summary: 'Check that nobody has changed the audit',
  description:
    'Lets the daemon check its audit from the first entry to the last, each of which holds the hash of the one before. Whoever can write the database can write all of it anew: note the head that is shown elsewhere, and give it the next time. Ends with 1 if an entry was changed, is missing or was put in. For administrators.',
  options: { head: text('--head <seq:hash>', 'An entry that was noted elsewhere; it must be there') },
  examples: [
    ['baton audit verify', 'check it, and see its head'],
    ['baton audit verify --head 1042:8c3f…', 'check that what was there is still so'],
  ],
  async run({ client, out, json }, _args, { head }) {
    const verdict = await client.audit.verify(head === undefined ? {} : { head });
    if (json) out.json(verdict);
    if (!verdict.isWhole) {
      throw new CommandError('failed', `the audit is not what was written: ${safe(verdict.flaw ?? '')}`);
    }
    if (json) return;
    out.line(`${out.paint('green', '✓')} The audit is whole: ${verdict.entries} entries.`);
    out.line(`Its head, to be noted elsewhere: ${verdict.head.seq}:${verdict.head.hash}`);
  },
});
