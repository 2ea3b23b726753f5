/**
 * The ways a VM can leave this process, by the value of migration parameter `mode`. A mode says what stands
 * in its way and how it goes; everything that is the same for all is `migration.ts`.
 */
import type { MigrationMode } from '../qmp/protocol.js';
import type { Channels } from './channels.js';
import { CPR_EXEC } from './cpr-exec.js';
import { CPR_TRANSFER } from './cpr-transfer.js';
import type { OutgoingContext } from './outgoing.js';
import { CPR_REBOOT, NORMAL } from './stop-and-copy.js';

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
  /** `migrate` with `resume`. Absent: never waits for one. Throws `QmpError`. */
  resume?(channels: Channels): void;
  /**
   * What is left when the status is `completed` already: does not come back, or rejects, and the VM then goes
   * on here after all. Absent: nothing is left.
   */
  replace?(): Promise<never>;
}

export const OUTGOING_MODES: Readonly<Record<MigrationMode, OutgoingMode>> = {
  normal: NORMAL,
  'cpr-reboot': CPR_REBOOT,
  'cpr-transfer': CPR_TRANSFER,
  'cpr-exec': CPR_EXEC,
};
