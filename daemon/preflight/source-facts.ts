/**
 * What the VMM that runs the guest says of itself, as far as it decides whether it can be left. Its word on what
 * blocks a mode is true only while that mode is set: it is set for a moment and set back, whatever happens. A
 * question that a kind of VMM does not know stays unanswered.
 */
import { isRecord } from '../../vmm/qmp/protocol.js';
import { QmpCommandError, QmpDisconnected } from '../instance/qmp-errors.js';
import type { RunningInstance, RunStatus } from '../instance/running-instance.js';
import { monitorOf } from '../upgrade/fence.js';
import { blockedReasons, isSettled, queryMigrate, setMode } from '../upgrade/migration.js';
import type { UpgradeMode } from '../upgrade.js';
import { devicesInUse } from './devices-in-use.js';

export interface MemoryBackend {
  readonly id: string;
  readonly share: boolean;
}

export interface SourceFacts {
  readonly status: RunStatus;
  /** The state of a migration under way; null: none is. */
  readonly migrating: string | null;
  /** Null, here and below: it was not said. */
  readonly memory: readonly MemoryBackend[] | null;
  readonly sharesAuxMemory: boolean | null;
  readonly typesInUse: ReadonlySet<string> | null;
  /** The VMM's own sentences, by mode. */
  readonly blocked: ReadonlyMap<UpgradeMode, readonly string[]>;
}

const MAX_REASONS = 32;
const RESET_ATTEMPTS = 3;

export async function askSource(
  source: RunningInstance,
  modes: readonly UpgradeMode[],
  signal: AbortSignal,
): Promise<SourceFacts> {
  const ask = (command: string, args: object = {}) => source.qmp.execute(command, args, { signal });
  const status = await source.queryStatus({ signal });
  const migration = await queryMigrate(source, { signal });
  const migrating = isSettled(migration) ? null : (migration.status ?? 'unknown');
  const [memory, aux] = await Promise.all([
    ifKnown(ask('query-memdev')),
    ifKnown(ask('qom-get', { path: '/machine', property: 'aux-ram-share' })),
  ]);
  return {
    status,
    migrating,
    memory: Array.isArray(memory) ? memory.filter(isRecord).map(toBackend) : null,
    sharesAuxMemory: typeof aux === 'boolean' ? aux : null,
    typesInUse: await ifKnown(devicesInUse({ execute: ask })),
    blocked: migrating === null ? await blockedByMode(source, modes, signal) : new Map(),
  };
}

function toBackend({ id, share }: Record<string, unknown>): MemoryBackend {
  return { id: typeof id === 'string' ? id : 'without id', share: share === true };
}

/** Null when the VMM does not know the question, or not of this machine. */
async function ifKnown<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof QmpCommandError) return null;
    throw error;
  }
}

/** In cpr-exec real VMMs keep silent on memory that would be lost: what is asked for then is cpr-transfer. */
async function blockedByMode(
  source: RunningInstance,
  modes: readonly UpgradeMode[],
  signal: AbortSignal,
): Promise<ReadonlyMap<UpgradeMode, readonly string[]>> {
  const blocked = new Map<UpgradeMode, readonly string[]>();
  try {
    for (const mode of modes) {
      const isTold = await ifKnown(
        setMode(source, mode === 'cpr-exec' ? 'cpr-transfer' : mode, { signal }).then(() => true),
      );
      if (isTold === null) continue;
      blocked.set(mode, (await blockedReasons(source, { signal })).slice(0, MAX_REASONS));
    }
  } finally {
    await resetMode(source);
  }
  return blocked;
}

/** The mode is sticky, and a snapshot taken in a CPR mode has no memory in it. */
export async function resetMode(source: RunningInstance): Promise<void> {
  for (let attemptsLeft = RESET_ATTEMPTS - 1; !source.hasEnded; attemptsLeft -= 1) {
    await monitorOf(source);
    try {
      await setMode(source, 'normal');
      return;
    } catch (error) {
      if (!(error instanceof QmpDisconnected) || attemptsLeft === 0) throw error;
    }
  }
}
