import type { Token } from '../../../client/index.js';
import { defineCommand } from '../../command.js';
import type { Column } from '../../output/table.js';
import { formatAge } from '../../quantities.js';

const when = (time: string | null, nowMs: number) => (time === null ? null : formatAge(time, nowMs));

const COLUMNS = (nowMs: number): readonly Column<Token>[] => [
  { title: 'ID', value: ({ id }) => id },
  { title: 'NAME', value: ({ name }) => name, canBeCut: true },
  { title: 'ROLE', value: ({ role }) => role },
  {
    title: 'MACHINES',
    value: ({ machines }) => machines?.join(',') ?? 'all',
    canBeCut: true,
    leaveOut: 1,
  },
  {
    title: 'EXPIRES',
    value: ({ expiresAt }) => expiresAt ?? 'never',
    leaveOut: 2,
  },
  { title: 'LAST USED', value: ({ lastUsedAt }) => when(lastUsedAt, nowMs), leaveOut: 3 },
  { title: 'CREATED', value: ({ createdAt }) => when(createdAt, nowMs), leaveOut: 4 },
];

export const command = defineCommand({
  summary: 'List access tokens',
  description:
    'Lists access tokens: whose they are, what they may, and when they expire. Their secrets are kept nowhere.',
  examples: [['baton token list', 'all of them']],
  async run({ client, out, json }) {
    const tokens = await client.tokens.list();
    if (json) out.json({ tokens });
    else out.table(tokens, COLUMNS(out.nowMs()), 'No tokens.');
  },
});
