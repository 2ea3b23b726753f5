/**
 * Runs the machine in slices on the event loop of its thread: about a millisecond of guest, then a turn of the
 * loop for messages and I/O. A hart that waits for an interrupt sleeps: on the event loop when the next
 * timer is far, in short blocking hops when it is near, because the loop's own timers count whole
 * milliseconds and a guest's 1 kHz ticker must not.
 */
import type { Machine } from './machine.js';

const SLICE_NS = 1_000_000;
/** Deadlines nearer than this are met by hops. */
const NEAR_NS = 2_000_000;
/** Messages and I/O wait at most this long while hopping. */
const HOP_MS = 0.25;
/** Node's timers may fire up to a millisecond late, and count whole milliseconds. */
const TIMER_LEAD_NS = 1_500_000;
const MAX_TIMER_MS = 60_000;

export interface RunLoopBackends {
  /** Passes on what the guest printed in the slice. */
  flushOutput(): void;
  /** A slice threw: the machine cannot go on. */
  failed(error: unknown): void;
}

export class RunLoop {
  readonly #machine: Machine;
  readonly #backends: RunLoopBackends;
  readonly #stopWord: Int32Array;
  #running = false;
  #inSlice = false;
  #immediate: NodeJS.Immediate | null = null;
  #timer: NodeJS.Timeout | null = null;

  /** `stopWord` is not 0 when a stop was requested by another thread, which notifies it. */
  constructor(machine: Machine, stopWord: Int32Array, backends: RunLoopBackends) {
    this.#machine = machine;
    this.#stopWord = stopWord;
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

  /** Something happened outside: a sleeping hart looks again. */
  wake(): void {
    if (!this.#running || this.#timer === null) return;
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
    const remainingNs = this.#machine.deadlineNs() - this.#machine.clock.nowNs();
    if (remainingNs > NEAR_NS) {
      const delayMs = Math.min(MAX_TIMER_MS, Math.floor((remainingNs - TIMER_LEAD_NS) / 1e6));
      this.#timer = setTimeout(() => {
        this.#timer = null;
        this.#turn();
      }, delayMs);
      return;
    }
    if (remainingNs > 0) Atomics.wait(this.#stopWord, 0, 0, Math.min(HOP_MS, remainingNs / 1e6));
    this.#turnSoon();
  }

  #turnSoon(): void {
    this.#immediate ??= setImmediate(() => this.#turn());
  }

  #cancel(): void {
    if (this.#immediate !== null) clearImmediate(this.#immediate);
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#immediate = null;
    this.#timer = null;
  }
}
