/**
 * The process's own standard input and output. On a terminal, input comes byte by byte and unchanged, and
 * Ctrl-C ends the VMM (`signal=on`) or goes to the guest (`signal=off`). Works in any thread: it uses the
 * descriptors, not `process.stdin`. They stay the process's: a target has its own.
 */
import { writeSync } from 'node:fs';
import { isatty, ReadStream } from 'node:tty';
import type { CarriedDescriptor, CarryOutcome } from '../carried.js';
import { DescriptorStream } from '../descriptor-stream.js';
import type { Chardev } from './chardev.js';
import { HandOver } from './hand-over.js';
import type { LogFile } from './log-file.js';

const STDIN = 0;
const STDOUT = 1;
const CTRL_C = 3;
/** A terminal or pipe that takes nothing for this many tries in a row loses output, not the guest's time. */
const MAX_TRIES = 100;
const NOTHING = new Uint8Array(0);

export class StdioChardev implements Chardev {
  readonly id: string;
  readonly isOpen = true;
  readonly room = Number.POSITIVE_INFINITY;
  readonly terminal = null;
  readonly part = null;
  onReadable: () => void = () => {};
  onOpen: () => void = () => {};
  onClose: () => void = () => {};
  readonly #signal: boolean;
  readonly #log: LogFile | null;
  readonly #tty: ReadStream | null;
  readonly #handOver: HandOver;
  readonly #input: DescriptorStream;

  constructor(id: string, signal: boolean, log: LogFile | null, awaitsGuest: boolean) {
    this.id = id;
    this.#signal = signal;
    this.#log = log;
    this.#tty = isatty(STDIN) ? new ReadStream(STDIN) : null;
    this.#tty?.setRawMode(true);
    this.#handOver = new HandOver(awaitsGuest);
    // Its end, or input that cannot be read, leaves a port that only prints.
    this.#input = new DescriptorStream(STDIN, { limitBytes: 0, isBlocking: true });
    this.#input.onReadable = () => this.onReadable();
    this.#settle();
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

  read(maxBytes: number): Uint8Array {
    const bytes = this.#input.read(maxBytes);
    if (!this.#signal || this.#tty === null || !bytes.includes(CTRL_C)) return bytes;
    process.kill(process.pid, 'SIGINT');
    return NOTHING;
  }

  setReading(reading: boolean): void {
    this.#input.setReading(reading);
  }

  carry(): readonly CarriedDescriptor[] {
    this.#handOver.carry();
    this.#settle();
    return this.#log === null ? [] : [{ name: `chardev/${this.id}/log`, id: 0, fd: this.#log.fd }];
  }

  carried(outcome: CarryOutcome): void {
    this.#handOver.carried(outcome);
    this.#settle();
  }

  guestRuns(runs: boolean): void {
    this.#handOver.guestRuns(runs);
    this.#settle();
  }

  async close(): Promise<void> {
    this.#input.release();
    this.#tty?.setRawMode(false);
    this.#tty?.destroy();
    this.#log?.close();
  }

  #settle(): void {
    this.#input.setQuiet(this.#handOver.isQuiet);
  }
}
