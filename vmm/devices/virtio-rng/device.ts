/**
 * Virtio entropy device (virtio 1.2, section 5.4): fills what the driver makes available with random bytes, at once.
 * It has no configuration and no state of its own.
 *
 * Not emulated: a limit of bytes per time.
 */
import type { StateRecord } from '../../state/description.js';
import { readConfigBytes, type VirtioDevice, type VirtioHost, type VirtioPart } from '../virtio/device.js';

const QUEUE_SIZE = 8;
/** A driver asks for 64 bytes or so; of more it gets a part, as the specification allows. */
const MAX_REQUEST_BYTES = 64 * 1024;
const NO_CONFIG = new Uint8Array();

/** Where the bytes come from. */
export interface EntropySource {
  /** Fresh random bytes; fewer only at the end of a source that has one. */
  take(sizeBytes: number): Uint8Array;
}

export function virtioRng(source: EntropySource): VirtioPart {
  return {
    name: 'virtio-rng',
    deviceId: 4,
    queueSizes: [QUEUE_SIZE],
    features: [],
    fields: [],
    reset: {},
    create: (host) => new VirtioRng(host, source),
  };
}

class VirtioRng implements VirtioDevice {
  readonly #host: VirtioHost;
  readonly #source: EntropySource;

  constructor(host: VirtioHost, source: EntropySource) {
    this.#host = host;
    this.#source = source;
  }

  notify(): void {
    const [queue] = this.#host.queues;
    let isUsed = false;
    for (let chain = queue?.pop(); chain; chain = queue?.pop()) {
      const wanted = Math.min(chain.writableBytes, MAX_REQUEST_BYTES);
      queue?.push(chain.head, chain.write(0, this.#source.take(wanted)));
      isUsed = true;
    }
    if (isUsed) this.#host.signal(0);
  }

  resume(): void {
    this.notify();
  }

  pause(): void {}

  reset(): void {}

  readConfig(offset: number, width: number): number {
    return readConfigBytes(NO_CONFIG, offset, width);
  }

  writeConfig(): void {}

  save(): StateRecord {
    return {};
  }
}
