/** What the steps share in which a side says how its part of a migration goes. */
import type { EventWatch } from '../instance/qmp-client.js';
import { UpgradeError, type UpgradeReasonCode } from '../upgrade.js';
import { migrationError, migrationStatus } from './migration.js';
import { targetOf, type UpgradeContext } from './step.js';

const FAILED = new Set(['failing', 'failed', 'cancelling', 'cancelled']);

export interface Migrating {
  readonly events: EventWatch;
  /** For people. */
  readonly side: 'source' | 'target';
  readonly code?: UpgradeReasonCode;
}

/** Resolves when the side says that its migration has completed, rejects when it says how else it ended. */
export async function completed(
  { events, side, code = 'transfer_failed' }: Migrating,
  signal: AbortSignal,
): Promise<void> {
  const event = await events.find((event) => {
    const status = migrationStatus(event);
    return status === 'completed' || (status !== null && FAILED.has(status));
  }, signal);
  const status = migrationStatus(event);
  if (status !== 'completed') throw new UpgradeError(code, `the ${side}'s migration ended as ${status}`);
}

/** Resolves when the side says that its migration has not worked, whatever it said before. */
export async function failed(events: EventWatch, signal: AbortSignal): Promise<void> {
  await events.find((event) => FAILED.has(migrationStatus(event) ?? ''), signal);
}

/** Asked ahead of the step that looks at it: every round trip that is waited for is a part of the pause. */
export function askStatus(context: UpgradeContext, signal: AbortSignal): void {
  context.loadedStatus = targetOf(context).queryStatus({ signal });
  context.loadedStatus.catch(() => undefined);
}

/** Both sides' own words, for a failure that shows on one side first. */
export async function withWords(
  error: unknown,
  { source, target }: Pick<UpgradeContext, 'source' | 'target'>,
): Promise<unknown> {
  if (!(error instanceof UpgradeError)) return error;
  const [ofSource, ofTarget] = await Promise.all([
    source && migrationError(source),
    target && migrationError(target),
  ]);
  const words = [ofSource && `source: ${ofSource}`, ofTarget && `target: ${ofTarget}`].filter(Boolean);
  if (words.length === 0) return error;
  return new UpgradeError(error.code, `${error.message} (${words.join('; ')})`, { cause: error });
}
