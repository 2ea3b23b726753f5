import { type AuditEntry, collect } from '../../../client/index.js';
import { defineCommand } from '../../command.js';
import type { Column } from '../../output/table.js';
import { formatTime } from '../../quantities.js';
import { flag, integer, text } from '../../words.js';

const DEFAULT_LIMIT = 100;

const COLUMNS: readonly Column<AuditEntry>[] = [
  { title: 'SEQ', value: ({ seq }) => seq, align: 'right', leaveOut: 1 },
  { title: 'TIME', value: ({ time }) => formatTime(time), leaveOut: 2 },
  { title: 'WHO', value: ({ requester }) => requester },
  { title: 'WHAT', value: ({ method, subject }) => `${method} ${subject}`, canBeCut: true },
  {
    title: 'STATUS',
    value: ({ status }) => status,
    colour: ({ status }) => (status < 400 ? null : 'yellow'),
    align: 'right',
  },
];

export const command = defineCommand({
  summary: 'List what was asked for, and by whom',
  description: 'Lists entries of the audit: who asked for what, and how it was answered. For administrators.',
  options: {
    requester: text('--requester <who>', 'What this one asked for, such as unix:alice'),
    oldest: flag('--oldest', 'The oldest first'),
    limit: integer('--limit <count>', `So many at most (default: ${DEFAULT_LIMIT})`, 1),
  },
  examples: [
    ['baton audit list --limit 20', 'the newest'],
    ['baton audit list --requester token:ci', 'what one has asked for'],
  ],
  async run({ client, out, json }, _args, { requester, oldest, limit = DEFAULT_LIMIT }) {
    const filter = {
      ...(requester === undefined ? {} : { requester }),
      ...(oldest ? { order: 'oldest' as const } : {}),
    };
    const entries = await collect(client.audit.list({ ...filter, limit }));
    if (json) out.json({ entries });
    else out.table(entries, COLUMNS, 'No entries.');
  },
});
