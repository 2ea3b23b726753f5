/**
 * Runs the machine in slices on the event loop of its thread: about a millisecond of guest, then a turn of the
 * loop for messages and I/O. A hart that waits for an interrupt sleeps on the event loop, so whatever comes wakes it at
 * once; its timer is met to some microseconds, because a guest's 1 kHz ticker must be.
 */
import type { Machine } from './machine.js';
import { PreciseTimer } from './precise-timer.js';

const SLICE_NS = 1_000_000;
/** Going to sleep and waking up takes longer. */
const SHORTEST_SLEEP_NS = 5_000;

export interface RunLoopBackends {
  /** Passes on what the guest printed in the slice. */
  flushOutput(): void;
  /** A slice threw: the machine cannot go on. */
  failed(error: unknown): void;
}

export class RunLoop {
  readonly #machine: Machine;
  readonly #backends: RunLoopBackends;
  #running = false;
  #inSlice = false;
  #immediate: NodeJS.Immediate | null = null;
  #isAsleep = false;
  readonly #timer = new PreciseTimer(() => this.#wakeUp());

  constructor(machine: Machine, backends: RunLoopBackends) {
    this.#machine = machine;
    this.#backends = backends;
  }

  get running(): boolean {
    return this.#running;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#turnSoon();
    this.#machine.resume();
  }

  /** The guest stands when this returns, unless called from inside the guest's own slice: then at its end. */
  stop(): void {
    if (!this.#running) return;
    this.#running = false;
    this.#machine.pause();
    if (this.#inSlice) this.#machine.requestStop();
    this.#cancel();
    this.#backends.flushOutput();
  }

  /** For good. */
  end(): void {
    this.stop();
    this.#timer.end();
  }

  /** Something happened outside: a sleeping hart looks again. */
  wake(): void {
    if (!this.#running || !this.#isAsleep) return;
    this.#cancel();
    this.#turnSoon();
  }

  #turn(): void {
    this.#immediate = null;
    try {
      this.#inSlice = true;
      const idle = this.#slice();
      this.#inSlice = false;
      this.#backends.flushOutput();
      if (!this.#running) return;
      if (idle) this.#sleep();
      else this.#turnSoon();
    } catch (error) {
      this.#inSlice = false;
      this.stop();
      this.#backends.failed(error);
    }
  }

  /** Returns true when the hart has nothing to do. */
  #slice(): boolean {
    const machine = this.#machine;
    const endNs = machine.clock.nowNs() + SLICE_NS;
    while (this.#running) {
      machine.tick();
      const reason = machine.run(Math.min(endNs, machine.deviceDeadlineNs()));
      if (reason === 'stop-requested') return false;
      if (reason === 'wfi') {
        machine.tick();
        if (!machine.hasPendingInterrupt()) return true;
      }
      if (machine.clock.nowNs() >= endNs) return false;
    }
    return false;
  }

  #sleep(): void {
    const delayNs = this.#machine.deadlineNs() - this.#machine.clock.nowNs();
    if (delayNs < SHORTEST_SLEEP_NS) {
      this.#turnSoon();
      return;
    }
    this.#isAsleep = true;
    this.#timer.set(delayNs);
  }

  #wakeUp(): void {
    this.#isAsleep = false;
    this.#turn();
  }

  #turnSoon(): void {
    this.#immediate ??= setImmediate(() => this.#turn());
  }

  #cancel(): void {
    if (this.#immediate !== null) clearImmediate(this.#immediate);
    this.#immediate = null;
    this.#timer.cancel();
    this.#isAsleep = false;
  }
}
