/**
 * A file the guest is started from. It is opened once and stays open, so that a reset of the machine loads
 * what the machine was started with even when the file was replaced since.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { OptionError } from '../options/error.js';

export class BootFile {
  /** The option that named it, for messages. */
  readonly option: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly #fd: number;

  constructor(option: string, path: string) {
    this.option = option;
    this.path = path;
    try {
      this.#fd = openSync(path, 'r');
    } catch (cause) {
      throw new OptionError(option, `cannot open '${path}': ${(cause as Error).message}`);
    }
    const stats = fstatSync(this.#fd);
    this.sizeBytes = stats.size;
    if (stats.isFile() && stats.size > 0) return;
    this.close();
    throw this.error(stats.isFile() ? 'the file is empty' : 'it is not a regular file');
  }

  error(reason: string): OptionError {
    return new OptionError(this.option, `'${this.path}': ${reason}`);
  }

  /** Up to `length` bytes from `offset`; fewer at the end of the file. */
  read(offset: number, length: number): Buffer {
    const available = Math.max(0, Math.min(length, this.sizeBytes - offset));
    const bytes = Buffer.alloc(available);
    return bytes.subarray(0, this.readInto(bytes, offset));
  }

  /** Fills `target` from `offset` on; returns how many bytes there were. */
  readInto(target: Uint8Array, offset: number): number {
    let done = 0;
    while (done < target.length) {
      const got = readSync(this.#fd, target, done, target.length - done, offset + done);
      if (got === 0) break;
      done += got;
    }
    return done;
  }

  close(): void {
    closeSync(this.#fd);
  }
}
