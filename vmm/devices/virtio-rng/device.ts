/**
 * Virtio entropy device (virtio 1.2, section 5.4): fills what the driver makes available with random bytes, at once,
 * until it has given what it may in a period; the rest waits for the next one. A period begins with its first request;
 * neither the driver nor a reset can end it. It has no configuration and no state of its own: in another process a
 * period begins anew.
 */
import type { StateRecord } from '../../state/description.js';
import { readConfigBytes, type VirtioDevice, type VirtioHost, type VirtioPart } from '../virtio/device.js';

const QUEUE_SIZE = 8;
/** A driver asks for 64 bytes or so; of more it gets a part, as the specification allows. */
const MAX_REQUEST_BYTES = 64 * 1024;
/** So much is never given. */
export const NO_LIMIT = Number.MAX_SAFE_INTEGER;
const NO_CONFIG = new Uint8Array();

/** Where the bytes come from. */
export interface EntropySource {
  /** Fresh random bytes; fewer only at the end of a source that has one. */
  take(sizeBytes: number): Uint8Array;
}

/** How much a driver gets in what time. */
export interface EntropyLimit {
  readonly maxBytes: number;
  readonly periodMs: number;
  after(delayMs: number, work: () => void): void;
}

export function virtioRng(source: EntropySource, limit: EntropyLimit): VirtioPart {
  const quota = new Quota(limit);
  return {
    name: 'virtio-rng',
    deviceId: 4,
    queueSizes: [QUEUE_SIZE],
    features: [],
    fields: [],
    reset: {},
    create: (host) => new VirtioRng(host, source, quota),
  };
}

/** What is left of a period. */
class Quota {
  readonly #limit: EntropyLimit;
  #leftBytes: number;
  #hasBegun = false;
  /** Told to the device of now when another period may begin. */
  onRenewed: () => void = () => {};

  constructor(limit: EntropyLimit) {
    this.#limit = limit;
    this.#leftBytes = limit.maxBytes;
  }

  /** Asked for a request: begins a period if none has. */
  leftBytes(): number {
    if (!this.#hasBegun && this.#limit.maxBytes < NO_LIMIT) {
      this.#hasBegun = true;
      this.#limit.after(this.#limit.periodMs, () => this.#renew());
    }
    return this.#leftBytes;
  }

  take(sizeBytes: number): void {
    if (this.#limit.maxBytes < NO_LIMIT) this.#leftBytes -= sizeBytes;
  }

  #renew(): void {
    this.#hasBegun = false;
    this.#leftBytes = this.#limit.maxBytes;
    this.onRenewed();
  }
}

class VirtioRng implements VirtioDevice {
  readonly #host: VirtioHost;
  readonly #source: EntropySource;
  readonly #quota: Quota;
  #runs = false;

  constructor(host: VirtioHost, source: EntropySource, quota: Quota) {
    this.#host = host;
    this.#source = source;
    this.#quota = quota;
    quota.onRenewed = () => {
      if (this.#runs) host.attempt(() => this.notify());
    };
  }

  notify(): void {
    const [queue] = this.#host.queues;
    let isUsed = false;
    while (queue?.hasAvailable) {
      const leftBytes = this.#quota.leftBytes();
      const chain = leftBytes > 0 ? queue.pop() : null;
      if (chain === null) break;
      const wanted = Math.min(chain.writableBytes, MAX_REQUEST_BYTES, leftBytes);
      const given = chain.write(0, this.#source.take(wanted));
      queue.push(chain.head, given);
      this.#quota.take(given);
      isUsed = true;
    }
    if (isUsed) this.#host.signal(0);
  }

  resume(): void {
    this.#runs = true;
    this.notify();
  }

  pause(): void {
    this.#runs = false;
  }

  reset(): void {}

  readConfig(offset: number, width: number): number {
    return readConfigBytes(NO_CONFIG, offset, width);
  }

  writeConfig(): void {}

  save(): StateRecord {
    return {};
  }
}
