/**
 * Whether writes into the page cache may be done at once. They nearly always only copy; but when the host has too much
 * to write, or its disk is slow, they sleep, and the guest's thread with them. So each that slept for long bars the way
 * for a time, twice as long each time, and those are rare.
 */

/** The guest does not notice less. */
const LONG_NS = 1_000_000;
const FIRST_BAR_MS = 1000;
const LONGEST_BAR_MS = 60_000;

export class WritePatience {
  readonly #now: () => number;
  #barredUntilMs = 0;
  #barMs = FIRST_BAR_MS;

  /** `now`: milliseconds of a clock that does not go back. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  get isLeft(): boolean {
    return this.#now() >= this.#barredUntilMs;
  }

  /** A write has slept for so long, or not at all. */
  slept(ns: number): void {
    const nowMs = this.#now();
    if (ns >= LONG_NS) {
      this.#barredUntilMs = nowMs + this.#barMs;
      this.#barMs = Math.min(LONGEST_BAR_MS, this.#barMs * 2);
    } else if (nowMs - this.#barredUntilMs > LONGEST_BAR_MS) {
      this.#barMs = FIRST_BAR_MS;
    }
  }
}
