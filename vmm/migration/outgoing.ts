/** What an outgoing migration of any mode works with. */
import type { GuestMemory } from '../memory/guest-memory.js';
import type { EventHub } from '../qmp/events.js';
import type { VmControl } from '../vm-control.js';
import type { MigrationProgress } from './progress.js';
import type { MigrationSettings } from './settings.js';

/** What of the guest's memory decides how it can leave, and what travels with it. */
export type MemoryFacts = Pick<GuestMemory, 'fd' | 'share' | 'sizeBytes' | 'backendId'>;

export interface OutgoingContext {
  readonly events: EventHub;
  readonly vm: VmControl;
  readonly memory: MemoryFacts;
  readonly auxRamShare: boolean;
  readonly settings: MigrationSettings;
  readonly progress: MigrationProgress;
}
