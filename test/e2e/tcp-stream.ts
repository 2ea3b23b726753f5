/**
 * A TCP stream through the guest's echo, seen from the host: every byte has a value that its place in the stream
 * gives it, and the time between two arrivals is measured. The connection is made once; a reset, an end or a wrong
 * byte is remembered and thrown by whoever asks next.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { waitFor, within } from '../helpers/wait.js';

const CONNECT_DEADLINE_MS = 20_000;
const PIECE_BYTES = 512;
const SEND_EVERY_MS = 2;
/** Sent and not yet back: more would be queues, not a stream. */
const MOST_UNDER_WAY_BYTES = 32 * 1024;

function pieceAt(place: number): Buffer {
  const piece = Buffer.alloc(PIECE_BYTES);
  for (let at = 0; at < PIECE_BYTES; at++) piece[at] = (Math.imul(place + at, 0x9e3779b1) >>> 13) & 0xff;
  return piece;
}

export class TcpStream {
  readonly #socket: Socket;
  readonly #timer: NodeJS.Timeout;
  #sent = 0;
  #received = 0;
  #lastArrivalAt = performance.now();
  #longestGapMs = 0;
  #failure: Error | undefined;

  private constructor(socket: Socket, sendEveryMs: number) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes) => this.#arrived(bytes));
    socket.on('error', (error) => this.#fail(`the connection broke: ${error.message}`));
    socket.on('close', () => this.#fail('the connection was closed'));
    this.#timer = setInterval(() => this.#send(), sendEveryMs);
  }

  /** Tries until the guest listens. */
  static async open(
    host: string,
    port: number,
    { deadlineMs = CONNECT_DEADLINE_MS, sendEveryMs = SEND_EVERY_MS } = {},
  ): Promise<TcpStream> {
    const attempt = async () => {
      const socket = connect(port, host);
      return within(once(socket, 'connect'), 1_000, 'a connection').then(
        () => socket,
        () => void socket.destroy(),
      );
    };
    const what = `${host} to listen on port ${port}`;
    return new TcpStream(await waitFor(attempt, { deadlineMs, what }), sendEveryMs);
  }

  get receivedBytes(): number {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#received;
  }

  /** The longest time without an arrival since it was last asked for. */
  takeLongestGapMs(): number {
    if (this.#failure !== undefined) throw this.#failure;
    const gapMs = Math.max(this.#longestGapMs, performance.now() - this.#lastArrivalAt);
    this.#longestGapMs = 0;
    return gapMs;
  }

  /** Waits until what was on its way has come and more has followed. */
  async flowsOn(deadlineMs = 20_000): Promise<void> {
    const enough = this.receivedBytes + 2 * MOST_UNDER_WAY_BYTES;
    await waitFor(() => this.receivedBytes >= enough, { deadlineMs, what: 'the TCP stream to flow on' });
  }

  close(): void {
    clearInterval(this.#timer);
    this.#socket.removeAllListeners('close');
    this.#socket.destroy();
  }

  #send(): void {
    if (this.#failure !== undefined || this.#sent - this.#received >= MOST_UNDER_WAY_BYTES) return;
    this.#socket.write(pieceAt(this.#sent));
    this.#sent += PIECE_BYTES;
  }

  #arrived(bytes: Buffer): void {
    const now = performance.now();
    this.#longestGapMs = Math.max(this.#longestGapMs, now - this.#lastArrivalAt);
    this.#lastArrivalAt = now;
    const start = this.#received - (this.#received % PIECE_BYTES);
    const pieces: Buffer[] = [];
    for (let at = start; at < this.#received + bytes.length; at += PIECE_BYTES) pieces.push(pieceAt(at));
    const skip = this.#received - start;
    const expected = Buffer.concat(pieces).subarray(skip, skip + bytes.length);
    if (!expected.equals(bytes)) this.#fail(`wrong bytes came back near byte ${this.#received}`);
    this.#received += bytes.length;
  }

  #fail(message: string): void {
    this.#failure ??= new Error(`expected an unbroken TCP stream, but ${message}`);
  }
}
