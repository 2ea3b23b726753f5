/**
 * Events of the VM: stamped when the thing happens, then given to every subscriber (the monitor
 * connections) in the same order.
 */
import type { QmpEvent, QmpEventData } from './protocol.js';
import type { WallClock } from './wall-clock.js';

const MICROS_PER_SECOND = 1_000_000;

type EventName = keyof QmpEventData | 'STOP' | 'RESUME' | 'POWERDOWN';
type DataOf<Name> = Name extends keyof QmpEventData ? [data: QmpEventData[Name]] : [];

export class EventHub {
  readonly clock: WallClock;
  readonly #subscribers = new Set<(event: QmpEvent) => void>();
  readonly #held: QmpEvent[] = [];
  #holds = 0;

  constructor(clock: WallClock) {
    this.clock = clock;
  }

  /** Emits with the time of now. */
  emit<Name extends EventName>(event: Name, ...data: DataOf<Name>): void {
    this.emitAt(this.clock.nowMicros(), event, ...data);
  }

  /** Emits what happened at `micros`, for when the telling had to wait. */
  emitAt<Name extends EventName>(micros: number, event: Name, ...[data]: DataOf<Name>): void {
    const timestamp = {
      seconds: Math.floor(micros / MICROS_PER_SECOND),
      microseconds: micros % MICROS_PER_SECOND,
    };
    const message: QmpEvent = { timestamp, event, ...(data === undefined ? {} : { data }) };
    if (this.#holds > 0) this.#held.push(message);
    else this.#deliver(message);
  }

  /**
   * Holds back delivery, not stamping, until the returned function is called: for moments in which a guest
   * waits and a client that wakes up would take its processor.
   */
  hold(): () => void {
    this.#holds++;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#holds--;
      if (this.#holds > 0) return;
      for (const message of this.#held.splice(0)) this.#deliver(message);
    };
  }

  #deliver(message: QmpEvent): void {
    for (const deliver of this.#subscribers) deliver(message);
  }

  /** Returns the function that ends the subscription. */
  subscribe(deliver: (event: QmpEvent) => void): () => void {
    this.#subscribers.add(deliver);
    return () => this.#subscribers.delete(deliver);
  }
}
