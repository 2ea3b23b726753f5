/** Output for a client that is still to come: the newest bytes, up to a limit. */
export class Backlog {
  readonly #limitBytes: number;
  #chunks: Uint8Array[] = [];
  #sizeBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Keeps the array. */
  keep(bytes: Uint8Array): void {
    if (this.#limitBytes === 0 || bytes.length === 0) return;
    const kept = bytes.subarray(Math.max(0, bytes.length - this.#limitBytes));
    this.#chunks.push(kept);
    this.#sizeBytes += kept.length;
    for (let oldest = this.#chunks[0]; this.#sizeBytes > this.#limitBytes && oldest; ) {
      const drop = Math.min(oldest.length, this.#sizeBytes - this.#limitBytes);
      this.#sizeBytes -= drop;
      if (drop === oldest.length) this.#chunks.shift();
      else this.#chunks[0] = oldest.subarray(drop);
      oldest = this.#chunks[0];
    }
  }

  /** A copy. */
  bytes(): Uint8Array {
    return Buffer.concat(this.#chunks);
  }

  take(): Uint8Array {
    const taken = this.bytes();
    this.#chunks = [];
    this.#sizeBytes = 0;
    return taken;
  }
}
