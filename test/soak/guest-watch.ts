/**
 * Looks at a ticker guest from outside, through a descriptor of its memory: it needs no VMM to answer, and it sees
 * the one memory that two VMMs might run on. Two runners would tick twice as often, or set ticks back, or spoil the
 * pattern. Each thing is complained of once.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { STATUS_PAGE } from '../guests/ticker.js';

const RAM_BASE = 0x80000000;
const MAGIC = 'BATONTIC';
const SAMPLE_MS = 10;
const LEAST_WINDOW_MS = 300;
const LONGEST_WINDOW_MS = 1_500;
const MOST_TICKS_PER_MS = 1.05;
/** A tick that was due can come late, close to the next. */
const EXTRA_TICKS = 6;

interface Sample {
  readonly beforeMs: number;
  readonly afterMs: number;
  readonly ticks: number;
}

export class GuestWatch {
  readonly complaints = new Set<string>();
  readonly #fd: number;
  readonly #page = Buffer.alloc(48);
  readonly #timer: NodeJS.Timeout;
  #window: Sample[] = [];
  #ticks = 0;

  /** `memoryPath` as `memoryPathOf` gives it. */
  constructor(memoryPath: string) {
    this.#fd = openSync(memoryPath, 'r');
    this.#timer = setInterval(() => this.sample(), SAMPLE_MS);
  }

  /** How often the guest has ticked; null before it has begun. */
  sample(): number | null {
    const beforeMs = performance.now();
    readSync(this.#fd, this.#page, 0, this.#page.length, STATUS_PAGE - RAM_BASE);
    const afterMs = performance.now();
    if (this.#page.toString('latin1', 0, 8) !== MAGIC) return null;
    const ticks = Number(this.#page.readBigUInt64LE(8));
    const errors = Number(this.#page.readBigUInt64LE(40));
    if (errors > 0) this.complaints.add('the guest found its memory changed');
    if (ticks < this.#ticks) this.complaints.add('the count of ticks went back');
    this.#ticks = ticks;
    this.#judgeRate({ beforeMs, afterMs, ticks });
    return ticks;
  }

  close(): void {
    clearInterval(this.#timer);
    closeSync(this.#fd);
  }

  #judgeRate(newest: Sample): void {
    this.#window = this.#window.filter(({ beforeMs }) => newest.afterMs - beforeMs < LONGEST_WINDOW_MS);
    for (const { beforeMs, ticks } of this.#window) {
      const elapsedMs = newest.afterMs - beforeMs;
      if (elapsedMs < LEAST_WINDOW_MS) break;
      if (newest.ticks - ticks > elapsedMs * MOST_TICKS_PER_MS + EXTRA_TICKS) {
        this.complaints.add(`${newest.ticks - ticks} ticks within ${elapsedMs.toFixed(0)} ms: two runners?`);
      }
    }
    this.#window.push(newest);
  }
}
