/**
 * The host's realtime in microseconds. `Date.now` has milliseconds and `performance.timeOrigin` drifts
 * from realtime as the clock is adjusted, so two processes that compare event times would be apart; here
 * the monotonic clock is kept inside the millisecond that `Date.now` shows. After `calibrate` the error is
 * a few microseconds, otherwise below one millisecond.
 */
const MICROS_PER_MILLI = 1000;
/** `calibrate` looks for the next tick of `Date.now`, which is at most one millisecond away. */
const CALIBRATION_LIMIT_MICROS = 1500;

export interface TimeSource {
  /** Whole milliseconds since 1970. */
  wallMs(): number;
  /** Microseconds of a clock that only goes forward. */
  monotonicMicros(): number;
}

export const HOST_TIME: TimeSource = {
  wallMs: () => Date.now(),
  monotonicMicros: () => performance.now() * MICROS_PER_MILLI,
};

export class WallClock {
  readonly #source: TimeSource;
  #offsetMicros: number;

  constructor(source: TimeSource = HOST_TIME) {
    this.#source = source;
    this.#offsetMicros = source.wallMs() * MICROS_PER_MILLI - source.monotonicMicros();
  }

  /** Microseconds since 1970, an integer. */
  nowMicros(): number {
    const lowest = this.#source.wallMs() * MICROS_PER_MILLI;
    const monotonic = this.#source.monotonicMicros();
    const highest = lowest + MICROS_PER_MILLI;
    const now = monotonic + this.#offsetMicros;
    if (now < lowest) this.#offsetMicros = lowest - monotonic;
    else if (now >= highest) this.#offsetMicros = highest - 1 - monotonic;
    return Math.floor(monotonic + this.#offsetMicros);
  }

  /** Finds the edge of a millisecond. Takes the thread for up to a millisecond: not during a pause. */
  calibrate(): void {
    const startedAt = this.#source.monotonicMicros();
    const first = this.#source.wallMs();
    for (;;) {
      const wall = this.#source.wallMs();
      const monotonic = this.#source.monotonicMicros();
      if (wall !== first) {
        this.#offsetMicros = wall * MICROS_PER_MILLI - monotonic;
        return;
      }
      if (monotonic - startedAt > CALIBRATION_LIMIT_MICROS) return;
    }
  }
}
