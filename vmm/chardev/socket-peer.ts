/**
 * The output side of a socket chardev: bytes wait here for a peer that is slow (bounded: what does not fit
 * is refused) or not there yet (bounded: the newest bytes stay).
 */
import type { Socket } from 'node:net';

/** A client that stopped reading must not cost more memory than this. */
export const MAX_BUFFERED_BYTES = 1 << 20;
const FLUSH_DEADLINE_MS = 1000;

export class SocketPeer {
  readonly #backlogLimit: number;
  #backlog: Uint8Array[] = [];
  #backlogBytes = 0;
  #socket: Socket | null = null;

  constructor(backlogBytes: number) {
    this.#backlogLimit = backlogBytes;
  }

  get socket(): Socket | null {
    return this.#socket;
  }

  get room(): number {
    return this.#socket === null
      ? Number.POSITIVE_INFINITY
      : MAX_BUFFERED_BYTES - this.#socket.writableLength;
  }

  /** Gives the new peer what was kept for it. */
  attach(socket: Socket): void {
    this.#socket = socket;
    for (const bytes of this.#backlog) socket.write(bytes);
    this.#backlog = [];
    this.#backlogBytes = 0;
  }

  detach(): void {
    this.#socket = null;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#socket === null) {
      this.#keep(bytes);
      return true;
    }
    if (this.#socket.writableLength + bytes.length > MAX_BUFFERED_BYTES) return false;
    this.#socket.write(bytes);
    return true;
  }

  /** Sends what is buffered and ends the connection; a peer that does not read is cut off in the end. */
  async end(): Promise<void> {
    const socket = this.#socket;
    if (socket === null || socket.destroyed) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => socket.destroy(), FLUSH_DEADLINE_MS);
      socket.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      socket.end(() => socket.destroy());
    });
  }

  #keep(bytes: Uint8Array): void {
    if (this.#backlogLimit === 0) return;
    const kept = bytes.subarray(Math.max(0, bytes.length - this.#backlogLimit));
    this.#backlog.push(kept);
    this.#backlogBytes += kept.length;
    for (let oldest = this.#backlog[0]; this.#backlogBytes > this.#backlogLimit && oldest; ) {
      const drop = Math.min(oldest.length, this.#backlogBytes - this.#backlogLimit);
      this.#backlogBytes -= drop;
      if (drop === oldest.length) this.#backlog.shift();
      else this.#backlog[0] = oldest.subarray(drop);
      oldest = this.#backlog[0];
    }
  }
}
