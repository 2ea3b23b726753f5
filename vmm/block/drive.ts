/**
 * One device's use of an image: begins operations and knows when none is under way, cuts large ones in pieces, counts,
 * and decides what a failed one does.
 */
import type { BlockBackend, Done, ErrorAction, TakeData } from '../devices/virtio-blk/backend.js';
import type { ErrorPolicy } from '../options/options.js';
import { Accounting, type BlockStats, type Operation } from './accounting.js';
import type { Image } from './image.js';

/** The host holds a copy of so much of one operation. */
const PIECE_BYTES = 1024 * 1024;
/** What the host works at for a guest that stands has to be done by then. */
export const DRAIN_DEADLINE_MS = 10_000;

/** A failed operation, in the words of BLOCK_IO_ERROR. */
export interface BlockIoError {
  readonly operation: 'read' | 'write';
  readonly action: ErrorAction;
  /** The error's name. */
  readonly error: string;
}

export type IoStatus = 'ok' | 'failed' | 'nospace';

export interface DriveOptions {
  /** In messages. */
  readonly name: string;
  readonly readErrors: ErrorPolicy;
  readonly writeErrors: ErrorPolicy;
  readonly isReadOnly: boolean;
  /** What the guest discards is given back to the host. */
  readonly unmap: boolean;
  failed(error: BlockIoError): void;
}

const OPERATIONS = { read: 'rd', write: 'wr', unmap: 'unmap' } as const;

export class Drive implements BlockBackend {
  readonly #image: Image;
  readonly #options: DriveOptions;
  readonly #accounting = new Accounting();
  readonly #idle: (() => void)[] = [];
  #inFlight = 0;
  #status: IoStatus = 'ok';

  constructor(image: Image, options: DriveOptions) {
    this.#image = image;
    this.#options = options;
  }

  get sizeBytes(): number {
    return this.#image.sizeBytes;
  }

  get isReadOnly(): boolean {
    return this.#options.isReadOnly;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** null: no policy ever looks at it. */
  get status(): IoStatus | null {
    const { readErrors, writeErrors } = this.#options;
    const isKept = readErrors === 'stop' || writeErrors === 'stop' || writeErrors === 'enospc';
    return isKept ? this.#status : null;
  }

  get stats(): BlockStats {
    return this.#accounting.stats();
  }

  /** The operator has the VM go on. */
  forgetErrors(): void {
    this.#status = 'ok';
  }

  readNow(at: number, buffers: readonly Uint8Array[], sizeBytes: number): boolean {
    const startNs = this.#accounting.nowNs();
    if (sizeBytes > 0 && !this.#image.readNow(at, buffers, sizeBytes)) return false;
    this.#accounting.done('rd', sizeBytes, startNs);
    return true;
  }

  writeNow(at: number, buffers: readonly Uint8Array[], sizeBytes: number): boolean {
    const startNs = this.#accounting.nowNs();
    if (sizeBytes > 0 && !this.#image.writeNow(at, buffers)) return false;
    this.#accounting.done('wr', sizeBytes, startNs);
    this.#accounting.wrote(at + sizeBytes);
    return true;
  }

  read(at: number, sizeBytes: number, put: (offset: number, bytes: Uint8Array) => void, done: Done): void {
    const finish = this.#begin('rd', sizeBytes, done);
    const next = (offset: number) => {
      const length = Math.min(PIECE_BYTES, sizeBytes - offset);
      this.#image.read(at + offset, length, (error, bytes) => {
        if (error === null) put(offset, bytes);
        if (error !== null || offset + length === sizeBytes) finish(error);
        else next(offset + length);
      });
    };
    next(0);
  }

  write(at: number, sizeBytes: number, take: TakeData, done: Done): void {
    const finish = this.#begin('wr', sizeBytes, (error) => {
      if (error === null) this.#accounting.wrote(at + sizeBytes);
      done(error);
    });
    const next = (offset: number) => {
      const data = take(offset, Math.min(PIECE_BYTES, sizeBytes - offset));
      if (data === null || data.length === 0) {
        setImmediate(finish, null);
        return;
      }
      this.#image.write(at + offset, data, (error) => {
        if (error !== null || offset + data.length === sizeBytes) finish(error);
        else next(offset + data.length);
      });
    };
    next(0);
  }

  flush(done: Done): void {
    this.#image.flush(this.#begin('flush', 0, done));
  }

  discard(at: number, sizeBytes: number, done: Done): void {
    const finish = this.#begin('unmap', sizeBytes, done);
    if (this.#options.unmap) this.#image.discard(at, sizeBytes, finish);
    else setImmediate(finish, null);
  }

  writeZeroes(at: number, sizeBytes: number, mayUnmap: boolean, done: Done): void {
    this.#image.writeZeroes(
      at,
      sizeBytes,
      mayUnmap && this.#options.unmap,
      this.#begin('wr', sizeBytes, done),
    );
  }

  failed(isRead: boolean, error: string): ErrorAction {
    const action = actionOf(isRead ? this.#options.readErrors : this.#options.writeErrors, error);
    if (action === 'stop') this.#status = error === 'ENOSPC' ? 'nospace' : 'failed';
    this.#options.failed({ operation: isRead ? 'read' : 'write', action, error });
    return action;
  }

  invalid(operation: 'read' | 'write' | 'unmap'): void {
    this.#accounting.invalid(OPERATIONS[operation]);
  }

  whenIdle(work: () => void): void {
    if (this.#inFlight === 0) setImmediate(work);
    else this.#idle.push(work);
  }

  soon(work: () => void): void {
    setImmediate(work);
  }

  /** Resolves when nothing is under way; rejects when that takes longer than `deadlineMs`. */
  drain(deadlineMs = DRAIN_DEADLINE_MS): Promise<void> {
    if (this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const seconds = deadlineMs / 1000;
        const what = `${this.#inFlight} requests to ${this.#options.name} have not finished`;
        reject(new Error(`${what} in ${seconds} s: the host's disk does not answer`));
      }, deadlineMs);
      this.whenIdle(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #begin(operation: Operation, sizeBytes: number, done: Done): Done {
    const startNs = this.#accounting.nowNs();
    this.#inFlight++;
    return (error) => {
      this.#accounting.done(operation, sizeBytes, startNs, error !== null);
      this.#inFlight--;
      done(error);
      if (this.#inFlight > 0) return;
      for (const work of this.#idle.splice(0)) work();
    };
  }
}

function actionOf(policy: ErrorPolicy, error: string): ErrorAction {
  if (policy === 'enospc') return error === 'ENOSPC' ? 'stop' : 'report';
  return policy;
}
