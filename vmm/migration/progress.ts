/**
 * Where a migration stands: its status, the MIGRATION events, the times and what `query-migrate` shows.
 *
 *     none ► setup ► active ► device ► completed        (setup ► setup-cpr ► active: in two steps)
 *              └───────┴────────┴──► failing ► failed        (from every status before `completed`)
 *              └───────┴────────┴──► cancelling ► cancelled
 *
 * `completed` becomes `failed` when the program that was to take this one's place could not be executed. A next migration starts again at `setup`. A transition outside the table is a mistake of ours.
 */
import type { EventHub } from '../qmp/events.js';
import type { MigrationInfo, MigrationRamInfo, MigrationStatus, SocketAddress } from '../qmp/protocol.js';
import type { PageCounts } from './ram-pages.js';
import { PAGE_BYTES } from './stream-format.js';

const NEXT: Partial<Record<MigrationStatus, readonly MigrationStatus[]>> = {
  none: ['setup'],
  setup: ['setup-cpr', 'active', 'cancelling', 'failing'],
  'setup-cpr': ['active', 'cancelling', 'failing'],
  active: ['device', 'completed', 'cancelling', 'failing', 'failed'],
  device: ['completed', 'cancelling', 'failing'],
  failing: ['failed'],
  cancelling: ['cancelled'],
  cancelled: ['setup'],
  completed: ['setup', 'failed'],
  failed: ['setup'],
};

const ENDED: readonly MigrationStatus[] = ['none', 'completed', 'failed', 'cancelled'];
const MICROS_PER_MILLI = 1000;

export interface RamProgress {
  readonly totalBytes: number;
  readonly pages: PageCounts;
}

const NO_RAM: RamProgress = { totalBytes: 0, pages: { zero: 0, normal: 0 } };

interface Times {
  startedMicros: number;
  setupMicros: number | null;
  stoppedMicros: number | null;
  endedMicros: number | null;
}

export class MigrationProgress {
  readonly #events: EventHub;
  readonly #eventsWanted: () => boolean;
  #status: MigrationStatus = 'none';
  #errorText: string | null = null;
  #times: Times | null = null;
  #address: SocketAddress | null = null;
  #isIncoming = false;
  transferredBytes = 0;
  /** RAM that is in the stream. */
  ram: RamProgress = NO_RAM;

  /** `eventsWanted`: the capability `events`, asked at each change. */
  constructor(events: EventHub, eventsWanted: () => boolean) {
    this.#events = events;
    this.#eventsWanted = eventsWanted;
  }

  get status(): MigrationStatus {
    return this.#status;
  }

  get isUnderWay(): boolean {
    return !ENDED.includes(this.#status);
  }

  /** A migration comes in: forgets the last one. `listening`: where it is waited for. */
  beginIncoming(listening: SocketAddress | null): void {
    this.#begin(listening, true);
  }

  /** A migration goes out: forgets the last one. */
  begin(): void {
    this.#begin(null, false);
  }

  #begin(listening: SocketAddress | null, isIncoming: boolean): void {
    this.#errorText = null;
    this.#address = listening;
    this.#isIncoming = isIncoming;
    this.transferredBytes = 0;
    this.ram = NO_RAM;
    this.#times = {
      startedMicros: this.#now(),
      setupMicros: null,
      stoppedMicros: null,
      endedMicros: null,
    };
    this.set('setup');
  }

  set(next: MigrationStatus): void {
    if (!NEXT[this.#status]?.includes(next)) {
      throw new Error(`migration status '${this.#status}' cannot become '${next}'`);
    }
    this.#status = next;
    if (this.#times !== null && ENDED.includes(next)) this.#times.endedMicros = this.#now();
    if (this.#eventsWanted()) this.#events.emit('MIGRATION', { status: next });
  }

  /** Emits MIGRATION_PASS, as QEMU does when a hand-over has nothing left to copy. */
  pass(pass: number): void {
    if (this.#eventsWanted()) this.#events.emit('MIGRATION_PASS', { pass });
  }

  /** The connection to the target stands: what `setup-time` counts to. */
  connected(): void {
    if (this.#times !== null) this.#times.setupMicros = this.#now();
  }

  /** No vCPU runs from now on: what `downtime` counts from. */
  stopped(): void {
    if (this.#times !== null) this.#times.stoppedMicros = this.#now();
  }

  /** Remembers why; the status follows. */
  because(reason: string): void {
    this.#errorText = reason;
  }

  info(blockedReasons: readonly string[]): MigrationInfo {
    const status = this.#status;
    const failed = status === 'failing' || status === 'failed';
    return {
      ...(status === 'none' ? {} : { status }),
      ...(this.#address === null ? {} : { 'socket-address': [this.#address] }),
      ...(this.#isIncoming ? {} : this.#timesInfo()),
      ...(failed && this.#errorText !== null ? { 'error-desc': this.#errorText } : {}),
      ...(blockedReasons.length === 0 ? {} : { 'blocked-reasons': blockedReasons }),
    };
  }

  #timesInfo(): MigrationInfo {
    if (this.#times === null || !['active', 'device', 'completed'].includes(this.#status)) return {};
    const { startedMicros, setupMicros, stoppedMicros, endedMicros } = this.#times;
    const end = endedMicros ?? this.#now();
    return {
      'total-time': millis(end - startedMicros),
      ...(setupMicros === null ? {} : { 'setup-time': millis(setupMicros - startedMicros) }),
      ...(stoppedMicros === null ? {} : { downtime: millis(end - stoppedMicros) }),
      ram: this.#ramInfo(),
    };
  }

  #ramInfo(): MigrationRamInfo {
    const { totalBytes, pages } = this.ram;
    return {
      transferred: this.transferredBytes,
      remaining: Math.max(0, totalBytes - (pages.zero + pages.normal) * PAGE_BYTES),
      total: totalBytes,
      duplicate: pages.zero,
      normal: pages.normal,
      'normal-bytes': pages.normal * PAGE_BYTES,
      'page-size': PAGE_BYTES,
    };
  }

  #now(): number {
    return this.#events.clock.nowMicros();
  }
}

function millis(micros: number): number {
  return Math.max(0, Math.round(micros / MICROS_PER_MILLI));
}
