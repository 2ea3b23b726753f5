/**
 * What happens in the guest of one machine, as events. A guest can make its VMM say a lot: beyond a burst one event is
 * written per minute, and those left out are counted. Never throws: what cannot be written is lost.
 */
import type { Logger } from 'pino';
import { DAEMON } from '../access/principal.js';
import { asRequester } from '../access/requester.js';
import type { NewEvent } from '../event.js';
import type { GuestEvent } from '../instance/guest-event.js';
import type { Store } from '../store/store.js';

const BURST = 20;
/* With 1,000 machines that all do their worst the history still holds more than an hour. */
const ONE_PER_MS = 60_000;

export interface GuestEventsOptions {
  readonly store: Pick<Store, 'quickly' | 'emit'>;
  readonly machineId: string;
  readonly log: Logger;
  readonly nowMs?: () => number;
}

export class GuestEvents {
  readonly #options: GuestEventsOptions;
  readonly #nowMs: () => number;
  #left = BURST;
  #refilledAtMs: number;
  #dropped = 0;
  #isRetired = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: GuestEventsOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
    this.#refilledAtMs = this.#nowMs();
  }

  tell(generation: number, { type, data }: GuestEvent): void {
    if (this.#isRetired) return;
    if (!this.#take()) {
      this.#dropped += 1;
      this.#timer ??= setTimeout(() => this.#tellDropped(generation), ONE_PER_MS).unref();
      return;
    }
    this.#tellDropped(generation);
    this.#write({ type, subject: this.#subject, data: { generation, ...data } } as NewEvent);
  }

  /** Nothing is written any more. */
  retire(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#isRetired = true;
  }

  #take(): boolean {
    const passed = Math.floor((this.#nowMs() - this.#refilledAtMs) / ONE_PER_MS);
    this.#left = Math.min(BURST, this.#left + passed);
    this.#refilledAtMs += passed * ONE_PER_MS;
    if (this.#left <= 0) return false;
    this.#left -= 1;
    return true;
  }

  /** Before the next one that is written, or when none has come for a while. */
  #tellDropped(generation: number): void {
    if (this.#dropped === 0) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const data = { generation, count: this.#dropped };
    this.#dropped = 0;
    this.#write({ type: 'baton.guest.events-dropped', subject: this.#subject, data });
  }

  /** Not worth a wait for the disk. */
  #write(event: NewEvent): void {
    const { store, log } = this.#options;
    try {
      asRequester(DAEMON, () => store.quickly(() => store.emit(event)));
    } catch (error) {
      log.warn({ err: error, event: event.type }, 'what happened in the guest could not be written');
    }
  }

  get #subject(): string {
    return `machines/${this.#options.machineId}`;
  }
}
