/** Bytes to the guest over one TCP connection for the whole of a test; at its end the guest tells their SHA-256. */
import { createHash, randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { within } from '../helpers/wait.js';

const CONNECT_DEADLINE_MS = 20_000;
const END_DEADLINE_MS = 120_000;
const PIECE_BYTES = 64 * 1024;
/** 3 MB/s, if the guest takes them. */
const SEND_EVERY_MS = 20;
const MOST_WAITING_BYTES = 256 * 1024;

export class DigestStream {
  readonly #socket: Socket;
  readonly #timer: NodeJS.Timeout;
  readonly #hash = createHash('sha256');
  readonly #startedAt = performance.now();
  #sentBytes = 0;
  #answer = '';
  #failure: Error | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', (error) => {
      this.#failure = new Error(`expected a transfer without a break, got ${error.message}`);
    });
    socket.on('data', (bytes: Buffer) => {
      this.#answer += bytes.toString('latin1');
    });
    this.#timer = setInterval(() => this.#send(), SEND_EVERY_MS);
  }

  static async open(port: number): Promise<DigestStream> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    await within(once(socket, 'connect'), CONNECT_DEADLINE_MS, 'a connection for a transfer');
    return new DigestStream(socket);
  }

  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#socket.readableEnded) throw new Error('expected the transfer to go on, the guest has ended it');
  }

  /** Fails when the guest has read anything but what was sent; resolves with megabytes a second. */
  async finish(): Promise<number> {
    clearInterval(this.#timer);
    this.check();
    const ended = once(this.#socket, 'end');
    this.#socket.end();
    await within(ended, END_DEADLINE_MS, 'the guest to tell what it read');
    const expected = this.#hash.digest('hex');
    if (!this.#answer.startsWith(expected))
      throw new Error(`expected ${expected}, the guest read ${this.#answer}`);
    return this.#sentBytes / 1000 / (performance.now() - this.#startedAt);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#socket.destroy();
  }

  #send(): void {
    if (this.#socket.writableLength >= MOST_WAITING_BYTES || this.#failure !== undefined) return;
    const piece = randomFillSync(Buffer.alloc(PIECE_BYTES));
    this.#hash.update(piece);
    this.#socket.write(piece);
    this.#sentBytes += PIECE_BYTES;
  }
}
