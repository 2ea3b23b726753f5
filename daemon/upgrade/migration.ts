/** The few QMP migration words that the engine says, typed once. */
import type { MigrationInfo, QmpEvent } from '../../vmm/qmp/protocol.js';
import type { RunningInstance } from '../instance/running-instance.js';
import type { UpgradeMode } from '../upgrade.js';

export interface CommandOptions {
  readonly signal?: AbortSignal;
  readonly deadlineMs?: number;
}

/** States in which nothing more will happen by itself; an unknown state counts as under way. */
const SETTLED = new Set(['none', 'completed', 'failed', 'cancelled']);

export function isSettled({ status }: MigrationInfo): boolean {
  return status === undefined || SETTLED.has(status);
}

export function queryMigrate(
  instance: RunningInstance,
  options: CommandOptions = {},
): Promise<MigrationInfo> {
  return instance.qmp.execute<MigrationInfo>('query-migrate', {}, options);
}

/** Told only when the mode is one that would be blocked. */
export async function blockedReasons(
  instance: RunningInstance,
  options: CommandOptions = {},
): Promise<readonly string[]> {
  return (await queryMigrate(instance, options))['blocked-reasons'] ?? [];
}

export async function setMode(
  instance: RunningInstance,
  mode: UpgradeMode | 'normal',
  options: CommandOptions = {},
): Promise<void> {
  await instance.qmp.execute('migrate-set-parameters', { mode }, options);
}

export async function enableCapabilities(
  instance: RunningInstance,
  names: readonly string[],
  options: CommandOptions = {},
): Promise<void> {
  await setCapabilities(instance, Object.fromEntries(names.map((name) => [name, true])), options);
}

export async function setCapabilities(
  instance: RunningInstance,
  states: Readonly<Record<string, boolean>>,
  options: CommandOptions = {},
): Promise<void> {
  const capabilities = Object.entries(states).map(([capability, state]) => ({ capability, state }));
  await instance.qmp.execute('migrate-set-capabilities', { capabilities }, options);
}

export function unixChannel(channelType: 'main' | 'cpr', path: string): object {
  return { 'channel-type': channelType, addr: { transport: 'socket', type: 'unix', path } };
}

/** What cpr-exec runs in the end; no words: nothing. */
export async function setExecCommand(
  instance: RunningInstance,
  command: readonly string[],
  options: CommandOptions = {},
): Promise<void> {
  await instance.qmp.execute('migrate-set-parameters', { 'cpr-exec-command': command }, options);
}

/** The status that a MIGRATION event reports; null for every other event. */
export function migrationStatus(event: QmpEvent): string | null {
  const status = event.event === 'MIGRATION' ? event.data?.status : null;
  return typeof status === 'string' ? status : null;
}

/** How an instance words the failure of its migration; null when it says nothing. */
export async function migrationError(instance: RunningInstance): Promise<string | null> {
  try {
    return (await queryMigrate(instance, { deadlineMs: 1_000 }))['error-desc'] ?? null;
  } catch {
    return null;
  }
}
