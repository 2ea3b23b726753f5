/**
 * Guest time: nanoseconds since power on. It stands while the VM is stopped, but a hand-over to another
 * process is not a stop: the clock that goes on there, or here after a failed hand-over, has counted
 * the pause, so that the guest's own clock stays right and the guest can see how long it was away.
 */
import type { Clock } from '../devices/device.js';
import type { StateDescription } from '../state/description.js';
import type { HostClock } from './host-clock.js';

export interface TimerState {
  readonly clockNs: bigint;
  /** When the clock stopped for a hand-over, by the host's CLOCK_MONOTONIC; 0: it was stopped by the user. */
  readonly hostMonotonicNs: bigint;
}

export const TIMER_RESET: TimerState = { clockNs: 0n, hostMonotonicNs: 0n };

const MAX_NS = BigInt(Number.MAX_SAFE_INTEGER);

export const TIMER_STATE: StateDescription<TimerState> = {
  name: 'timer',
  version: 1,
  minimumVersion: 1,
  fields: [{ name: 'clockNs', type: 'uint64' }],
  subsections: [
    {
      name: 'timer/hand-over',
      version: 1,
      fields: [{ name: 'hostMonotonicNs', type: 'uint64' }],
      needed: (state) => state.hostMonotonicNs !== 0n,
    },
  ],
  reset: TIMER_RESET,
  validate: (state) => {
    if (state.clockNs > MAX_NS) return `clockNs ${state.clockNs} is beyond ${MAX_NS}`;
    if (state.hostMonotonicNs > MAX_NS) return `hostMonotonicNs ${state.hostMonotonicNs} is beyond ${MAX_NS}`;
    return null;
  },
};

export class VirtualClock implements Clock {
  readonly #host: HostClock;
  #running = false;
  /** Virtual time less host time while running; virtual time itself while stopped. */
  #offsetNs: number;
  #stoppedAtNs: number;
  /** Host time from which a hand-over's pause is to be counted, or 0. */
  #handOverSinceNs: number;

  constructor(host: HostClock, state: TimerState = TIMER_RESET) {
    this.#host = host;
    this.#offsetNs = Number(state.clockNs);
    this.#handOverSinceNs = Number(state.hostMonotonicNs);
    this.#stoppedAtNs = this.#handOverSinceNs;
  }

  nowNs(): number {
    return this.#running ? this.#host.monotonicNs() + this.#offsetNs : this.#offsetNs;
  }

  wallSeconds(): number {
    return Math.floor(this.#host.wallMs() / 1000);
  }

  wallNanoseconds(): number {
    return (this.#host.wallMs() % 1000) * 1_000_000;
  }

  start(): void {
    if (this.#running) return;
    const hostNs = this.#host.monotonicNs();
    const pauseNs = this.#handOverSinceNs === 0 ? 0 : Math.max(0, hostNs - this.#handOverSinceNs);
    this.#offsetNs += pauseNs - hostNs;
    this.#handOverSinceNs = 0;
    this.#running = true;
  }

  stop(): void {
    if (!this.#running) return;
    this.#stoppedAtNs = this.#host.monotonicNs();
    this.#offsetNs += this.#stoppedAtNs;
    this.#running = false;
  }

  /**
   * State of the stopped clock. `handOver`: the machine ran until now and only pauses for the hand-over;
   * this clock, too, will count the pause when it is started again.
   */
  save(handOver: boolean): TimerState {
    if (handOver && this.#handOverSinceNs === 0) this.#handOverSinceNs = Math.floor(this.#stoppedAtNs);
    return {
      clockNs: BigInt(Math.floor(this.nowNs())),
      hostMonotonicNs: BigInt(this.#handOverSinceNs),
    };
  }
}
