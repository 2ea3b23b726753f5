import { defineCommand } from '../../command.js';
import { safe } from '../../output/style.js';
import { one } from '../../words.js';

export const command = defineCommand({
  summary: 'Show one operation',
  description: 'Shows what was asked for, by whom, and how it went.',
  args: { operation: one('Its id', { completion: 'operations' }) },
  examples: [['baton operation show 0b81a1be-5d2c-4f4c-9d6e-2a7d6f1f2a11', 'how it went']],
  async run({ client, out, json }, args) {
    const operation = await client.operations.get(args.operation);
    if (json) return out.json(operation);
    const { name } = await client.machines.get(operation.machine).catch(() => ({ name: operation.machine }));
    const { error, phase, requester, cancellable } = operation;
    const entries: (readonly [string, string | null])[] = [
      ['id', operation.id],
      ['kind', operation.kind],
      ['machine', name],
      ['state', out.state(operation.state)],
      ['phase', phase],
      ['asked by', requester],
      ['begun', operation.createdAt],
      ['ended', operation.finishedAt],
      ['to cancel it', cancellable ? `baton operation cancel ${operation.id}` : null],
      ['upgrade', operation.upgrade === null ? null : `baton upgrade show ${operation.id}`],
      ['error', error === null ? null : `${safe(error.detail)} (${error.code})`],
    ];
    out.card(entries.filter(([, value]) => value !== null));
  },
});
