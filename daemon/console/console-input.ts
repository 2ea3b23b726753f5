/**
 * What people type, on its way into one machine: a bounded queue, in the order in which messages came, whoever
 * sent them, that is emptied into the FIFO which the VMM reads. The VMM takes from it no more than the guest's
 * serial port has room for, and what the port holds goes with the guest when it is handed over.
 *
 * `hold` readies the machine for a hand-over: what the VMM has not taken is taken back out of the FIFO, and nothing
 * more is put there until `release`, or until another generation is the machine. So every byte reaches the guest
 * once, through whichever VMM. What is in the FIFO outlives the daemon; what the queue holds when the daemon dies
 * is lost with it: that is what did not fit into the FIFO, or came during a hand-over.
 */
import type { Logger } from 'pino';
import type { ProcessIdentity } from '../instance.js';
import { takeBack, writeFifo } from './fifo.js';

/** Beyond this nobody should send: what a few screens full of pasting need. A FIFO holds as much again. */
const MAX_QUEUED_BYTES = 64 * 1024;
const RETRY_MS = 10;

/** Where input goes now: a FIFO; nowhere yet (an instance is on its way); or nowhere at all. */
export type InputTarget = { readonly generation: number; readonly path: string } | 'wait' | 'none';

export interface InputWriter {
  /** Nothing runs the machine, or it has no FIFO: the bytes will never arrive. */
  inputDropped(bytes: number): void;
  /** The queue has room again. */
  inputWanted(): void;
}

interface Message {
  /** Null: of more than one, taken back out of a FIFO. */
  readonly writer: InputWriter | null;
  readonly bytes: Uint8Array;
}

export class ConsoleInput {
  readonly #target: () => InputTarget;
  readonly #log: Logger;
  readonly #writers = new Set<InputWriter>();
  #queue: Message[] = [];
  #queuedBytes = 0;
  #heldGeneration: number | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(target: () => InputTarget, log: Logger) {
    this.#target = target;
    this.#log = log;
  }

  get isFull(): boolean {
    return this.#queuedBytes >= MAX_QUEUED_BYTES;
  }

  addWriter(writer: InputWriter): void {
    this.#writers.add(writer);
  }

  /** What it sent before still arrives. */
  removeWriter(writer: InputWriter): void {
    this.#writers.delete(writer);
  }

  push(writer: InputWriter, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#queue.push({ writer, bytes });
    this.#queuedBytes += bytes.length;
    if (this.#timer === null) this.#pump();
  }

  /** `path` is the FIFO of `generation`, run by `process`, which gets nothing more. */
  hold(generation: number, path: string, process: ProcessIdentity): void {
    this.#heldGeneration = generation;
    const bytes = this.#takeBack(path, process);
    if (bytes.length === 0) return;
    this.#queue.unshift({ writer: null, bytes });
    this.#queuedBytes += bytes.length;
    this.#timer ??= setTimeout(() => this.#pump(), RETRY_MS);
  }

  release(): void {
    this.#heldGeneration = null;
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#queue = [];
    this.#queuedBytes = 0;
  }

  #pump(): void {
    this.#timer = null;
    const wasFull = this.isFull;
    try {
      this.#give(this.#target());
    } catch (error) {
      this.#log.error({ err: error }, 'console input cannot be given to the VMM');
      this.#drop();
    }
    if (this.#queuedBytes > 0) this.#timer = setTimeout(() => this.#pump(), RETRY_MS);
    if (wasFull && !this.isFull) for (const writer of this.#writers) writer.inputWanted();
  }

  #give(target: InputTarget): void {
    if (target === 'wait') return;
    if (target === 'none') {
      this.#drop();
      return;
    }
    if (target.generation === this.#heldGeneration) return;
    for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
      const written = writeFifo(target.path, first.bytes);
      if (written === 0) return;
      this.#queuedBytes -= written;
      if (written === first.bytes.length) this.#queue.shift();
      else this.#queue[0] = { ...first, bytes: first.bytes.subarray(written) };
    }
  }

  /** What cannot be taken back stays with the VMM, as long as that lives. */
  #takeBack(path: string, process: ProcessIdentity): Uint8Array {
    try {
      return takeBack(path, process);
    } catch (error) {
      this.#log.warn({ err: error }, 'console input cannot be taken back from the VMM');
      return new Uint8Array(0);
    }
  }

  #drop(): void {
    const dropped = this.#queue;
    this.#queue = [];
    this.#queuedBytes = 0;
    for (const { writer, bytes } of dropped) writer?.inputDropped(bytes.length);
  }
}
