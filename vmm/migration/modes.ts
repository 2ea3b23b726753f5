/**
 * The ways a VM can leave this process, by the value of migration parameter `mode`. A mode says what stands
 * in its way and how it goes; everything that is the same for all is `migration.ts`.
 */
import type { MigrationMode } from '../qmp/protocol.js';
import type { Channels } from './channels.js';
import { CPR_TRANSFER } from './cpr-transfer.js';
import type { OutgoingContext } from './outgoing.js';

export interface OutgoingMode {
  /** Why this VM cannot go that way; the same sentences each time. */
  blockedReasons(context: OutgoingContext): readonly string[];
  /** Picks what it needs from the arguments of `migrate`; throws `QmpError`. */
  begin(context: OutgoingContext, channels: Channels, signal: AbortSignal): Promise<OutgoingRun>;
}

/** A migration whose `migrate` was accepted. */
export interface OutgoingRun {
  /** Goes on to the end; rejects with the reason when it fails. The VM is then stopped or not, as it was. */
  finish(): Promise<void>;
}

/** `null`: not offered yet. */
export const OUTGOING_MODES: Readonly<Record<MigrationMode, OutgoingMode | null>> = {
  normal: null,
  'cpr-reboot': null,
  'cpr-transfer': CPR_TRANSFER,
  'cpr-exec': null,
};
