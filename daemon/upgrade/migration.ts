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
  const capabilities = names.map((capability) => ({ capability, state: true }));
  await instance.qmp.execute('migrate-set-capabilities', { capabilities }, options);
}

export function unixChannel(channelType: 'main' | 'cpr', path: string): object {
  return { 'channel-type': channelType, addr: { transport: 'socket', type: 'unix', path } };
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
