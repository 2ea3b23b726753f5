/**
 * Random bytes to the guest over one TCP connection for the whole of a test. For each piece the guest answers with the
 * SHA-256 of what it read; few are on their way at once.
 */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { DIGEST_BYTES } from '../guests/linux/debian-load.js';
import { waitFor, within } from '../helpers/wait.js';

const CONNECT_DEADLINE_MS = 20_000;
const MOST_UNDER_WAY = 4;

export class DigestStream {
  readonly #socket: Socket;
  readonly #startedAt = performance.now();
  readonly #expected: string[] = [];
  #received = 0;
  #isEnding = false;
  #failure: Error | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', (error) => this.#fail(`the connection broke: ${error.message}`));
    socket.on('close', () => this.#fail('the connection was closed'));
    createInterface({ input: socket }).on('line', (line) => this.#take(line));
    this.#send();
  }

  static async open(port: number): Promise<DigestStream> {
    const socket = connect(port, '127.0.0.1');
    await within(once(socket, 'connect'), CONNECT_DEADLINE_MS, 'a connection for a transfer');
    return new DigestStream(socket);
  }

  /** Waits until what was on its way has been read, and more. */
  async goesOn(deadlineMs: number): Promise<void> {
    const enough = this.#received + MOST_UNDER_WAY + 1;
    const isEnough = () => {
      if (this.#failure !== undefined) throw this.#failure;
      return this.#received >= enough;
    };
    await waitFor(isEnough, { deadlineMs, what: 'the transfer to go on' });
  }

  /** Fails when the guest has not read all that was sent. Resolves with megabytes a second. */
  async finish(deadlineMs: number): Promise<number> {
    this.#isEnding = true;
    const isDone = () => {
      if (this.#failure !== undefined) throw this.#failure;
      return this.#expected.length === 0;
    };
    await waitFor(isDone, { deadlineMs, what: 'the guest to read the rest of the transfer' });
    const speed = (this.#received * DIGEST_BYTES) / 1000 / (performance.now() - this.#startedAt);
    this.close();
    return speed;
  }

  close(): void {
    this.#isEnding = true;
    this.#socket.destroy();
  }

  #send(): void {
    while (!this.#isEnding && this.#failure === undefined && this.#expected.length < MOST_UNDER_WAY) {
      const piece = randomBytes(DIGEST_BYTES);
      this.#expected.push(`${createHash('sha256').update(piece).digest('hex')}  -`);
      this.#socket.write(piece);
    }
  }

  #take(line: string): void {
    const expected = this.#expected.shift();
    if (line !== expected)
      this.#fail(`the guest read ${line} instead of ${expected} as piece ${this.#received}`);
    this.#received += 1;
    this.#send();
  }

  #fail(message: string): void {
    if (!this.#isEnding) this.#failure ??= new Error(`expected an unbroken transfer, but ${message}`);
  }
}
