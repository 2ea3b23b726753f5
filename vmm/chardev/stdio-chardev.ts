/**
 * The process's own standard input and output. On a terminal, input comes byte by byte and unchanged, and
 * Ctrl-C ends the VMM (`signal=on`) or goes to the guest (`signal=off`). Works in any thread: it uses the
 * descriptors, not `process.stdin`.
 */
import { createReadStream, fstatSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { isatty, ReadStream } from 'node:tty';
import type { Chardev } from './chardev.js';
import type { LogFile } from './log-file.js';

const STDIN = 0;
const STDOUT = 1;
const CTRL_C = 3;
/** A terminal or pipe that takes nothing for this many tries in a row loses output, not the guest's time. */
const MAX_TRIES = 100;

export class StdioChardev implements Chardev {
  readonly id: string;
  readonly isOpen = true;
  readonly room = Number.POSITIVE_INFINITY;
  onData: (bytes: Uint8Array) => void = () => {};
  onOpen: () => void = () => {};
  onClose: () => void = () => {};
  readonly #log: LogFile | null;
  readonly #input: Readable;

  constructor(id: string, signal: boolean, log: LogFile | null) {
    this.id = id;
    this.#log = log;
    this.#input = openInput();
    this.#input.on('data', (bytes: Buffer) => {
      if (signal && this.#input instanceof ReadStream && bytes.includes(CTRL_C)) {
        process.kill(process.pid, 'SIGINT');
      } else {
        this.onData(new Uint8Array(bytes));
      }
    });
    // The end of input, or input that cannot be read, leaves a port that only prints.
    this.#input.on('error', () => {});
  }

  write(bytes: Uint8Array): boolean {
    this.#log?.write(bytes);
    let tries = 0;
    for (let at = 0; at < bytes.length; ) {
      try {
        at += writeSync(STDOUT, bytes, at);
        tries = 0;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || ++tries > MAX_TRIES) return false;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      }
    }
    return true;
  }

  setReading(reading: boolean): void {
    if (reading) this.#input.resume();
    else this.#input.pause();
  }

  async close(): Promise<void> {
    if (this.#input instanceof ReadStream) this.#input.setRawMode(false);
    this.#input.destroy();
    this.#log?.close();
  }
}

function openInput(): Readable {
  if (isatty(STDIN)) {
    const terminal = new ReadStream(STDIN);
    terminal.setRawMode(true);
    return terminal;
  }
  const stats = fstatSync(STDIN);
  if (stats.isFIFO() || stats.isSocket()) return new Socket({ fd: STDIN, readable: true, writable: false });
  return createReadStream('', { fd: STDIN, autoClose: false });
}
