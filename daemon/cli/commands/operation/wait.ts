import { atMost } from '../../at-most.js';
import { defineCommand } from '../../command.js';
import { requireSuccess, throwFirst, untilEnd, WAITED_FOR_AT_ONCE } from '../../following.js';
import { many } from '../../words.js';

export const command = defineCommand({
  summary: 'Wait until operations have ended',
  description:
    'Waits for the end of operations, all of them, and ends as they do: with 0 if all succeeded, with 1 if one did not, with 7 if --timeout was over before.',
  args: { operations: many('Their ids', { completion: 'operations' }) },
  examples: [
    [
      'baton operation wait $(baton machine start web1 --no-wait --json | jq -r .id)',
      'start now, wait later',
    ],
  ],
  async run(context, { operations }) {
    const { out, json } = context;
    const waits = atMost(WAITED_FOR_AT_ONCE);
    const failures = await Promise.all(
      operations.map(async (id): Promise<unknown> => {
        try {
          const operation = await waits(() => untilEnd(context, id, 'operation'));
          if (json) out.json(operation);
          else out.line(`${operation.kind} ${id}: ${out.state(operation.state)}`);
          requireSuccess(operation, `machine ${operation.machine}`);
          return null;
        } catch (error) {
          return error;
        }
      }),
    );
    await throwFirst(context, failures);
  },
});
