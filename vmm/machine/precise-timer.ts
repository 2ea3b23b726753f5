/**
 * Goes off on the event loop, to some microseconds: Node's own timers count whole milliseconds. While it waits the
 * loop serves everything else.
 */
import { closeFd, createTimerFd, type FdWatch, POLLIN, setTimerFd, watchFd } from '../../native/index.js';

const MAX_DELAY_NS = Number.MAX_SAFE_INTEGER;

export class PreciseTimer {
  readonly #fd: number;
  readonly #watch: FdWatch;
  #isSet = false;

  /** The event loop lives until `end`. */
  constructor(onDue: () => void) {
    this.#fd = createTimerFd();
    this.#watch = watchFd(this.#fd, () => {
      this.cancel();
      onDue();
    });
    this.#watch.set(POLLIN);
  }

  /** Once, in so many nanoseconds; 0 or less: as soon as the loop turns. Infinity: never. */
  set(delayNs: number): void {
    if (delayNs === Number.POSITIVE_INFINITY) {
      this.cancel();
      return;
    }
    setTimerFd(this.#fd, Math.min(MAX_DELAY_NS, Math.max(1, Math.ceil(delayNs))));
    this.#isSet = true;
  }

  cancel(): void {
    if (this.#isSet) setTimerFd(this.#fd, 0);
    this.#isSet = false;
  }

  end(): void {
    this.#watch.end();
    closeFd(this.#fd);
  }
}
