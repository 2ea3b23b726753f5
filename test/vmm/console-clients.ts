/** Clients of a serial console that check every byte: nothing may be lost, doubled or out of order. */
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { ReadStream } from 'node:tty';
import { waitFor, within } from '../helpers/wait.js';

const CONNECT_MS = 5000;

/** Bytes both ways, whatever carries them. */
export interface ConsoleConnection {
  onData: (bytes: Buffer) => void;
  write(bytes: Buffer): void;
  /** The VMM has ended the connection. */
  readonly isEnded: boolean;
  setReading(reading: boolean): void;
  close(): void;
}

export class SocketConnection implements ConsoleConnection {
  readonly socket: Socket;
  onData: (bytes: Buffer) => void = () => {};
  isEnded = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (bytes) => this.onData(bytes));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.isEnded = true;
    });
  }

  static async to(path: string): Promise<SocketConnection> {
    const connection = new SocketConnection(createConnection(path));
    const { socket } = connection;
    await within(new Promise<void>((resolve) => socket.once('connect', resolve)), CONNECT_MS, 'a connection');
    return connection;
  }

  write(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  setReading(reading: boolean): void {
    if (reading) this.socket.resume();
    else this.socket.pause();
  }

  close(): void {
    this.socket.destroy();
  }
}

export class TerminalConnection implements ConsoleConnection {
  readonly #fd: number;
  readonly #input: ReadStream;
  onData: (bytes: Buffer) => void = () => {};
  isEnded = false;

  constructor(path: string) {
    this.#fd = openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
    this.#input = new ReadStream(openSync(path, constants.O_RDONLY | constants.O_NOCTTY));
    this.#input.on('data', (bytes: Buffer) => this.onData(bytes));
    this.#input.on('error', () => {});
    this.#input.on('close', () => {
      this.isEnded = true;
    });
  }

  /** No more than fits: senders here keep few bytes on the way. */
  write(bytes: Buffer): void {
    writeSync(this.#fd, bytes);
  }

  setReading(reading: boolean): void {
    if (reading) this.#input.resume();
    else this.#input.pause();
  }

  close(): void {
    this.#input.destroy();
    closeSync(this.#fd);
  }
}

const EOT = 4;
const GREETING = 'echo: start\n';

/** Sends numbered bytes to the echo guest, once that has said that it listens, without pause and expects each back, once, in its place. */
export class EchoClient {
  readonly connection: ConsoleConnection;
  readonly #windowBytes: number;
  #greeting = Buffer.alloc(0);
  #isGreeted: boolean;
  #sent = 0;
  #echoed = 0;
  #isSending = true;
  /** What came instead of what must; null: all is well. */
  broken: string | null = null;

  /** `windowBytes`: on their way at once. */
  constructor(connection: ConsoleConnection, windowBytes: number, isGreeted = false) {
    this.connection = connection;
    this.#windowBytes = windowBytes;
    this.#isGreeted = isGreeted;
    connection.onData = (bytes) => this.#take(bytes);
    this.#send();
  }

  get echoed(): number {
    return this.#echoed;
  }

  /** Waits for `more` bytes to come back. */
  async echoes(more: number): Promise<void> {
    const enough = this.#echoed + more;
    await waitFor(() => this.broken !== null || this.#echoed >= enough || this.connection.isEnded, {
      what: `${more} more bytes back`,
      deadlineMs: 20_000,
    });
    this.check();
  }

  check(): void {
    if (this.broken !== null) throw new Error(this.broken);
    if (this.connection.isEnded) throw new Error(`the connection ended after ${this.#echoed} bytes`);
  }

  /** Sends no more; everything that was sent comes back. */
  async finish(): Promise<void> {
    this.#isSending = false;
    await this.echoes(this.#sent - this.#echoed);
    if (this.#echoed !== this.#sent) throw new Error(`${this.#sent} bytes sent, ${this.#echoed} came back`);
  }

  #take(bytes: Buffer): void {
    const left = this.#isGreeted ? bytes : this.#takeGreeting(bytes);
    for (const byte of left) {
      if (byte !== numbered(this.#echoed)) {
        this.broken ??= `byte ${this.#echoed}: expected ${numbered(this.#echoed)}, got ${byte}`;
      }
      this.#echoed += 1;
    }
    this.#send();
  }

  #takeGreeting(bytes: Buffer): Buffer {
    const all = Buffer.concat([this.#greeting, bytes]);
    this.#greeting = all;
    if (all.length < GREETING.length) return Buffer.alloc(0);
    this.#isGreeted = true;
    if (all.toString('latin1', 0, GREETING.length) !== GREETING) this.broken ??= `greeted with ${all}`;
    return all.subarray(GREETING.length);
  }

  #send(): void {
    const room = this.#isSending && this.#isGreeted ? this.#windowBytes - (this.#sent - this.#echoed) : 0;
    if (room <= 0 || this.connection.isEnded) return;
    this.connection.write(Buffer.from(Array.from({ length: room }, (_, at) => numbered(this.#sent + at))));
    this.#sent += room;
  }
}

/** A long period, and never the byte that powers the guest off. */
function numbered(at: number): number {
  const byte = (at + Math.floor(at / 251) * 7 + Math.floor(at / 64_000)) % 256;
  return byte === EOT ? EOT + 1 : byte;
}
