/** Operations that a command has asked for: waits for their ends, and says how they went. */
import type { Operation } from '../client/index.js';
import { atMost } from './at-most.js';
import { type Context, TimedOut } from './context.js';
import { CommandError } from './exit-codes.js';
import { helpFor, report } from './report.js';

/**
 * Each is a connection while it lasts, of which one user has 256. What is asked has turns of its own, so that nothing
 * is begun later because something else takes long.
 */
const ASKED_AT_ONCE = 16;
export const WAITED_FOR_AT_ONCE = 16;

export interface Asking {
  readonly machines: readonly string[];
  readonly ask: (machine: string) => Promise<Operation>;
  /** `web1 <done>.` */
  readonly done: string;
  readonly wait: boolean;
}

/** All at once, or nearly; each is told when it has ended. Ends as the first that did not succeed. */
export async function perform(context: Context, { machines, ask, done, wait }: Asking): Promise<void> {
  const { out, json, signal } = context;
  const askings = atMost(ASKED_AT_ONCE);
  const waits = atMost(WAITED_FOR_AT_ONCE);
  const failures = await Promise.all(
    machines.map(async (machine): Promise<unknown> => {
      try {
        const begun = await askings(async () => {
          signal.throwIfAborted();
          return ask(machine);
        });
        if (!wait) {
          if (json) out.json(begun);
          else out.line(`${machine}: ${begun.kind} was begun, operation ${begun.id}`);
          return null;
        }
        await waits(() => endOf(context, begun, machine, json));
        if (!json) out.line(`${machine} ${done}.`);
        return null;
      } catch (error) {
        return error;
      }
    }),
  );
  await throwFirst(context, failures);
}

/** Tells of all but the first, and throws that. */
export async function throwFirst(
  { out, json, client }: Context,
  failures: readonly unknown[],
): Promise<void> {
  const [first, ...others] = failures.filter((failure) => failure !== null);
  if (first === undefined) return;
  const distinct = new Set(others.filter((other) => other !== first));
  for (const other of distinct)
    await report(other, { out, json, client, asked: { machines: [], builds: [] } });
  throw first;
}

/** Resolves with an operation that has succeeded. */
export async function endOf(
  context: Context,
  { id, kind }: Pick<Operation, 'id' | 'kind'>,
  machine: string,
  printsDocument: boolean,
): Promise<Operation> {
  const ended = await untilEnd(context, id, `${kind} of ${machine}`);
  if (printsDocument) context.out.json(ended);
  requireSuccess(ended, machine);
  return ended;
}

export async function untilEnd({ client, signal, out }: Context, id: string, what: string) {
  const goesOn = `baton operation wait ${id}`;
  try {
    return await client.operations.ended(id, { signal });
  } catch (error) {
    if (signal.reason instanceof TimedOut) {
      throw new CommandError('timeout', `the ${what} has not ended in time, and goes on`, [goesOn]);
    }
    if (signal.aborted) {
      out.note(`the ${what} goes on: ${goesOn}`);
      throw signal.reason;
    }
    throw error;
  }
}

export function requireSuccess({ kind, state, error }: Operation, machine: string): void {
  if (state === 'succeeded') return;
  const reason = error === null ? '' : `: ${error.detail}`;
  throw new CommandError(
    'failed',
    `the ${kind} of ${machine} has ${state}${reason}`,
    helpFor(error?.code ?? '', machine),
  );
}
