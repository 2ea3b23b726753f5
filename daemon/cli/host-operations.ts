/** What is done to all machines of a host at once. */
import type { HostAnswer } from '../client/index.js';
import { atMost } from './at-most.js';
import type { Context } from './context.js';
import { CommandError } from './exit-codes.js';
import { endOf, throwFirst, WAITED_FOR_AT_ONCE } from './following.js';
import { machineNames } from './machine-names.js';

interface Asked {
  readonly answer: HostAnswer;
  readonly done: string;
  readonly wait: boolean;
}

export async function performOnHost(context: Context, { answer, done, wait }: Asked): Promise<void> {
  const { out, json, client } = context;
  const { operations, refused } = answer;
  if (json && !wait) out.json(answer);
  if (operations.length === 0 && refused.length === 0 && !json) out.note('No machine needs it.');
  const nameOf = await machineNames(client, [...operations, ...refused]);
  const failures: unknown[] = refused.map(
    ({ machine, problem }) => new CommandError('conflict', `${nameOf(machine)}: ${problem.detail}`),
  );
  const waits = atMost(WAITED_FOR_AT_ONCE);
  const ended = operations.map(async (operation): Promise<unknown> => {
    const name = nameOf(operation.machine);
    if (!wait) {
      if (!json) out.line(`${name}: ${operation.kind} was begun, operation ${operation.id}`);
      return null;
    }
    try {
      await waits(() => endOf(context, operation, name, json));
      if (!json) out.line(`${name} ${done}.`);
      return null;
    } catch (error) {
      return error;
    }
  });
  await throwFirst(context, [...failures, ...(await Promise.all(ended))]);
}
