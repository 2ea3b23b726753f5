/** The stream of one client of a monitor, as those who speak with it see it. */
import type { Duplex } from 'node:stream';

export abstract class MonitorClient {
  /** All handlers are set before the first event; none is called from inside a method. */
  onData: (bytes: Buffer) => void = () => {};
  /** The client sends no more; it may still read. */
  onEnd: () => void = () => {};
  /** The last call. */
  onClose: () => void = () => {};
  /** Descriptors that came just before the next bytes; they are the handler's. */
  onDescriptors: (fds: readonly number[]) => void = () => {};

  /** Off at first. */
  abstract setReading(reading: boolean): void;
  /** In Latin-1. What the client does not read waits; after the end it goes nowhere. */
  abstract write(text: string): void;
  abstract get unsentBytes(): number;
  /** Closes as soon as everything has gone. */
  abstract closeWhenSent(): void;
  /** Closes at once. */
  abstract destroy(): void;
}

/** A client on a stream of Node's, which carries no descriptors. */
export class DuplexClient extends MonitorClient {
  readonly #stream: Duplex;

  constructor(stream: Duplex) {
    super();
    this.#stream = stream;
    stream.on('error', () => stream.destroy());
    stream.on('end', () => this.onEnd());
    stream.on('close', () => this.onClose());
  }

  setReading(reading: boolean): void {
    if (this.#stream.listenerCount('data') === 0) {
      this.#stream.on('data', (bytes: Buffer) => this.onData(bytes));
    }
    if (reading) this.#stream.resume();
    else this.#stream.pause();
  }

  write(text: string): void {
    if (this.#stream.writable) this.#stream.write(text, 'latin1');
  }

  get unsentBytes(): number {
    return this.#stream.writableLength;
  }

  closeWhenSent(): void {
    this.#stream.end();
  }

  destroy(): void {
    this.#stream.destroy();
  }
}
