/** Another process that serves a device's queues in the guest's RAM, as the device sees it. */

/** What it offers. */
export interface BackendFacts {
  /** Feature bits 0 to 31 and 32 to 63. */
  readonly features: readonly [number, number];
  /** The device's configuration; empty when the backend has none. */
  readonly config: Uint8Array;
}

export function hasBit({ features }: BackendFacts, bit: number): boolean {
  return (((features[bit >> 5] ?? 0) >>> (bit & 31)) & 1) !== 0;
}

/** Where a queue is, by guest addresses. */
export interface Ring {
  readonly index: number;
  readonly size: number;
  readonly descriptors: number;
  readonly available: number;
  readonly used: number;
  /** Index of the next request it is to take. */
  readonly base: number;
}

export interface BackendUser {
  /** It has used requests, and the driver wants to know. */
  called(): void;
  /** It is gone, or has broken the rules: nothing more comes of it. */
  broke(reason: string): void;
}

export interface RingBackend {
  /** `null`: it came with the guest, whose state has them. */
  readonly facts: BackendFacts | null;
  /** Why it is of no more use; null while it is. */
  readonly broken: string | null;
  /** Facts of the guest's state; only when it has none of its own. */
  learn(facts: BackendFacts): void;
  /** Features are those that the driver has accepted. */
  start(user: BackendUser, features: readonly [number, number], rings: readonly Ring[]): void;
  kick(ring: number): void;
  /** Resolves with the bases of these rings when it has stopped them: it takes nothing more. */
  stop(rings: readonly number[]): Promise<readonly number[]>;
  /** The same at once, and for at most about a second; it is broken when it does not stop. */
  stopNow(rings: readonly number[], isIdle: () => boolean): void;
  setConfig(offset: number, bytes: Uint8Array): void;
  /** Resolves when the event loop has turned, after so many milliseconds. */
  turn(afterMs: number): Promise<void>;
}
