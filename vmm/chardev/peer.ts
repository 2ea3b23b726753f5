/**
 * The client of a chardev, if there is one, and the output for it: bytes wait here for a client that is slow
 * (bounded: what does not fit is refused) or not there yet (bounded: the newest bytes stay).
 */
import { DescriptorStream, LEAVING_MS } from '../descriptor-stream.js';
import { Backlog } from './backlog.js';
import { type ChardevState, MAX_BUFFERED_BYTES } from './chardev-state.js';

const FLUSH_DEADLINE_MS = 1000;
const NOTHING = new Uint8Array(0);

export interface PeerEvents {
  onReadable(): void;
  /** The client has hung up, but the guest has not taken all that it had sent. It may be called more than once. */
  onLeaving?(): void;
  /** The client has gone, or nothing more can go to it. Its descriptor is still open. */
  onGone(): void;
}

export class Peer {
  readonly #backlog: Backlog;
  readonly #events: PeerEvents;
  #stream: DescriptorStream | null = null;
  #isReading = false;
  #isQuiet = false;
  #isGone = false;
  #isLeaving = false;
  /** When the guest last took something, or last wanted to: of whichever client. */
  #tookAtMs = Number.NEGATIVE_INFINITY;

  constructor(backlogLimit: number, events: PeerEvents) {
    this.#backlog = new Backlog(backlogLimit);
    this.#events = events;
  }

  /** A client is there and has not gone. */
  get isConnected(): boolean {
    return this.#stream !== null && !this.#isGone;
  }

  /** The client has hung up, but the guest has not taken all that it had sent. */
  get isLeaving(): boolean {
    return this.isConnected && this.#isLeaving;
  }

  /** The descriptor of the client; of one that has gone too, until it is let go. */
  get fd(): number | null {
    return this.#stream?.fd ?? null;
  }

  /** A client, which gets what was kept for it. Its descriptor is owned from here on. */
  attach(fd: number): void {
    const stream = new DescriptorStream(fd, { limitBytes: MAX_BUFFERED_BYTES });
    this.#stream = stream;
    this.#isGone = false;
    this.#isLeaving = false;
    stream.setQuiet(this.#isQuiet);
    stream.setReading(this.#isReading);
    stream.onReadable = () => this.#events.onReadable();
    stream.onLeaving = () => {
      this.#isLeaving = true;
      this.#events.onLeaving?.();
    };
    stream.onEnd = () => {
      this.#isGone = true;
      this.#events.onGone();
    };
    stream.write(this.#backlog.take());
  }

  /** Lets go of the client without waiting for it; returns its descriptor, still open. */
  release(): number | null {
    const fd = this.#stream?.release() ?? null;
    this.#stream = null;
    return fd;
  }

  /** Another client waits for its place: it goes when the guest has taken nothing for a while, maybe of others. */
  hurry(): void {
    const idleMs = performance.now() - this.#tookAtMs;
    this.#stream?.hurry(Math.max(0, LEAVING_MS - idleMs));
  }

  /** Up to this many bytes `write` takes surely. */
  get room(): number {
    if (this.#stream === null || this.#stream.isDeaf) return Number.POSITIVE_INFINITY;
    return MAX_BUFFERED_BYTES - this.#stream.unsentBytes;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#stream !== null && !this.#stream.isDeaf) return this.#stream.write(bytes);
    this.#backlog.keep(bytes);
    return true;
  }

  read(maxBytes: number): Uint8Array {
    const bytes = this.#stream?.read(maxBytes) ?? NOTHING;
    if (bytes.length > 0) this.#tookAtMs = performance.now();
    return bytes;
  }

  setReading(reading: boolean): void {
    if (this.#isReading && !reading) this.#tookAtMs = performance.now();
    this.#isReading = reading;
    this.#stream?.setReading(reading);
  }

  setQuiet(quiet: boolean): void {
    this.#isQuiet = quiet;
    this.#stream?.setQuiet(quiet);
  }

  /** Sends what waits; a client that does not read keeps nobody for ever. */
  async flush(): Promise<void> {
    if (!this.#isQuiet) await this.#stream?.flush(FLUSH_DEADLINE_MS);
  }

  save(): ChardevState | null {
    const unsent = this.#stream?.unsent() ?? NOTHING;
    const backlog = this.#backlog.bytes();
    return unsent.length === 0 && backlog.length === 0 ? null : { unsent, backlog };
  }

  load({ unsent, backlog }: ChardevState): void {
    this.#stream?.takeUnsent();
    this.#backlog.take();
    if (this.isConnected) this.#stream?.putBack(unsent);
    else this.#backlog.keep(unsent);
    this.#backlog.keep(backlog);
  }
}
