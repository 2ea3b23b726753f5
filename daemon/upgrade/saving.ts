/**
 * A guest into a file and out of it: what cpr-reboot shares with suspending and restoring. A VMM in cpr-reboot mode
 * stops the guest first and copies all of its memory, so this takes as long as the memory is large; the deadlines
 * grow with it. What a source writes is complete when it says so, and is in the page cache then, not on the disk.
 */
import type { EventWatch } from '../instance/qmp-client.js';
import { QmpCommandError } from '../instance/qmp-errors.js';
import type { RunningInstance } from '../instance/running-instance.js';
import { UpgradeError } from '../upgrade.js';
import { completed } from './loading.js';
import { enableCapabilities } from './migration.js';

/** Of a VMM without any memory. */
const BASE_DEADLINE_MS = 30_000;
/** Slower storage than this is of no use for it. */
const SLOWEST_MIB_PER_SECOND = 16;
/** VMMs limit themselves for the sake of others on a network. */
const NO_LIMIT_BYTES_PER_SECOND = 2 ** 40;

interface SavedMachine {
  readonly spec: { readonly memoryMiB: number };
}

/** How long a save or a load may take. */
export function stateDeadlineMs({ spec }: SavedMachine): number {
  return BASE_DEADLINE_MS + (spec.memoryMiB / SLOWEST_MIB_PER_SECOND) * 1_000;
}

export interface Saving {
  readonly source: RunningInstance;
  /** Of the source, since before. */
  readonly events: EventWatch;
  readonly file: string;
}

/** The source is in its mode. It stops the guest before anything else; `stopped` hears of it. */
export async function saveState(
  { source, events, file }: Saving,
  stopped: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const limit = await liftLimit(source, signal);
  try {
    await source.qmp.execute('migrate', { uri: `file:${file}` }, { signal });
    await stopped();
    await completed({ events, side: 'source' }, signal);
  } catch (error) {
    await setLimit(source, limit).catch(() => undefined);
    throw error;
  }
}

/** Returns the limit as it was; null when the VMM knows none. */
async function liftLimit(source: RunningInstance, signal: AbortSignal): Promise<number | null> {
  const parameters = await source.qmp.execute<Record<string, unknown>>(
    'query-migrate-parameters',
    {},
    { signal },
  );
  const limit = parameters['max-bandwidth'];
  if (typeof limit !== 'number') return null;
  await setLimit(source, NO_LIMIT_BYTES_PER_SECOND);
  return limit;
}

async function setLimit(source: RunningInstance, limit: number | null): Promise<void> {
  if (limit !== null) await source.qmp.execute('migrate-set-parameters', { 'max-bandwidth': limit });
}

export interface Loading {
  readonly target: RunningInstance;
  readonly events: EventWatch;
  readonly file: string;
}

/**
 * The answers to both requests are waited for together: a guest may stand still. A target that waits for no migration
 * refuses the second.
 */
export async function loadState({ target, events, file }: Loading, signal: AbortSignal): Promise<void> {
  const incoming = { uri: `file:${file}`, 'exit-on-error': false };
  try {
    await Promise.all([
      enableCapabilities(target, ['events'], { signal }),
      target.qmp.execute('migrate-incoming', incoming, { signal }),
    ]);
    await completed({ events, side: 'target', code: 'target_rejected' }, signal);
  } catch (error) {
    if (!(error instanceof QmpCommandError)) throw error;
    throw new UpgradeError('target_rejected', `the target refused: ${error.message}`, { cause: error });
  }
}
