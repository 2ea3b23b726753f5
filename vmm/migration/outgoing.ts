/** What an outgoing migration of any mode works with. */
import type { GuestMemory } from '../memory/guest-memory.js';
import type { EventHub } from '../qmp/events.js';
import type { VmControl } from '../vm-control.js';
import type { MachineFacts } from './handshake.js';
import type { MigrationProgress } from './progress.js';
import type { MigrationSettings } from './settings.js';
import { IGNORE_SHARED, MACHINE_TYPE, type StreamSubject } from './stream-format.js';

/** What of the guest's memory decides how it can leave, and what travels with it. */
export type MemoryFacts = Pick<GuestMemory, 'fd' | 'share' | 'isNamedFile' | 'sizeBytes' | 'backendId'>;

export interface OutgoingContext {
  readonly events: EventHub;
  readonly vm: VmControl;
  readonly memory: MemoryFacts;
  /** The guest's RAM as bytes. */
  ram(): Uint8Array;
  readonly auxRamShare: boolean;
  /** What a target is compared with. */
  facts(): Promise<MachineFacts>;
  readonly settings: MigrationSettings;
  readonly progress: MigrationProgress;
}

export function subjectOf({ memory, settings }: Pick<OutgoingContext, 'memory' | 'settings'>): StreamSubject {
  const { backendId: name, sizeBytes } = memory;
  const ignoreShared = settings.has(IGNORE_SHARED);
  return { machineType: MACHINE_TYPE, ram: { name, sizeBytes }, ignoreShared, local: settings.isLocal };
}

/** RAM that is a shared file with a name is found again by its name, if both sides want it so. */
export function staysInItsFile({ memory, settings }: Pick<OutgoingContext, 'memory' | 'settings'>): boolean {
  return settings.has(IGNORE_SHARED) && memory.share && memory.isNamedFile;
}
