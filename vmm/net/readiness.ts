/** Watches one descriptor for as long as it is wanted, by what is wanted of it. */
import { type FdWatch, POLLIN, POLLOUT, watchFd } from '../../native/index.js';

export class Readiness {
  readonly #fd: number;
  readonly #ready: () => void;
  #watch: FdWatch | null = null;
  #events = 0;

  /** `ready` is called once in each turn of the event loop while what is wanted is there, or the other side has gone. */
  constructor(fd: number, ready: () => void) {
    this.#fd = fd;
    this.#ready = ready;
  }

  want(reading: boolean, writing: boolean): void {
    const events = (reading ? POLLIN : 0) | (writing ? POLLOUT : 0);
    if (events === this.#events) return;
    this.#events = events;
    this.#watch ??= watchFd(this.#fd, () => this.#ready());
    this.#watch.set(events);
  }

  /** Before the descriptor is closed. */
  end(): void {
    this.#events = 0;
    this.#watch?.end();
    this.#watch = null;
  }
}
