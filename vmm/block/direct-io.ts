/**
 * Access past the page cache (O_DIRECT): memory, offsets and lengths are multiples of the disk's blocks. What the guest
 * asks for otherwise is read as whole blocks, or read, changed and written; such a write is alone on the disk, because
 * two of them may have a block in common.
 */
import { readSync } from 'node:fs';
import { alignedBuffer } from './aligned-buffer.js';
import { type Done, nameOf } from './image.js';

const SMALLEST_BLOCK_BYTES = 512;
const LARGEST_BLOCK_BYTES = 4096;

/** The file, with the host's own rules. */
export interface UnalignedAccess {
  readInto(buffer: Buffer, at: number, done: (error: string | null, bytes: Buffer) => void): void;
  writeFrom(data: Uint8Array, at: number, done: Done): void;
}

/** The smallest block that the host takes. An empty file cannot be asked. */
export function probeAlignment(fd: number): number {
  try {
    const count = readSync(fd, alignedBuffer(LARGEST_BLOCK_BYTES), 0, SMALLEST_BLOCK_BYTES, 0);
    return count === 0 ? LARGEST_BLOCK_BYTES : SMALLEST_BLOCK_BYTES;
  } catch (error) {
    if (nameOf(error) === 'EINVAL') return LARGEST_BLOCK_BYTES;
    throw error;
  }
}

export class DirectIo {
  readonly #file: UnalignedAccess;
  readonly #blockBytes: number;
  #writing = 0;
  #isAlone = false;
  readonly #waiting: { readonly alone: boolean; readonly start: () => void }[] = [];

  constructor(file: UnalignedAccess, blockBytes: number) {
    this.#file = file;
    this.#blockBytes = blockBytes;
  }

  read(at: number, sizeBytes: number, done: (error: string | null, bytes: Uint8Array) => void): void {
    const { start, end } = this.#blocks(at, sizeBytes);
    this.#file.readInto(alignedBuffer(end - start), start, (error, bytes) =>
      done(error, bytes.subarray(at - start, at - start + sizeBytes)),
    );
  }

  write(at: number, data: Uint8Array, done: Done): void {
    const { start, end } = this.#blocks(at, data.length);
    const buffer = alignedBuffer(end - start);
    const alone = buffer.length !== data.length;
    const finish: Done = (error) => {
      this.#leave(alone);
      done(error);
    };
    const put = () => {
      buffer.set(data, at - start);
      this.#file.writeFrom(buffer, start, finish);
    };
    this.#enter(alone, () => {
      if (!alone) put();
      else this.#file.readInto(buffer, start, (error) => (error === null ? put() : finish(error)));
    });
  }

  #blocks(at: number, sizeBytes: number): { start: number; end: number } {
    const block = this.#blockBytes;
    return { start: Math.floor(at / block) * block, end: Math.ceil((at + sizeBytes) / block) * block };
  }

  #enter(alone: boolean, start: () => void): void {
    const isFree = this.#waiting.length === 0 && !this.#isAlone && (!alone || this.#writing === 0);
    if (!isFree) {
      this.#waiting.push({ alone, start });
      return;
    }
    this.#writing++;
    this.#isAlone = alone;
    start();
  }

  #leave(alone: boolean): void {
    this.#writing--;
    if (alone) this.#isAlone = false;
    for (;;) {
      const [next] = this.#waiting;
      if (next === undefined || this.#isAlone || (next.alone && this.#writing > 0)) return;
      this.#waiting.shift();
      this.#writing++;
      this.#isAlone = next.alone;
      next.start();
    }
  }
}
