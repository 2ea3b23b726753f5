import { defineCommand } from '../../command.js';
import { one } from '../../words.js';

export const command = defineCommand({
  summary: 'Cancel an operation that can be cancelled',
  description: 'Cancels an upgrade that has not committed. It has ended when the source is as it was before.',
  args: { operation: one('Its id', { completion: 'operations' }) },
  examples: [['baton operation cancel 0b81a1be-5d2c-4f4c-9d6e-2a7d6f1f2a11', 'go back']],
  async run({ client, out, json }, args) {
    const operation = await client.operations.cancel(args.operation);
    if (json) out.json(operation);
    else out.line(`It is being cancelled: baton operation wait ${operation.id}`);
  },
});
