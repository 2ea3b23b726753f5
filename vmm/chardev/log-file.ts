/**
 * The `logfile` of a chardev: everything written to the chardev, peer or no peer. A guest decides how much that
 * is, so its disk space is bounded: what is older than the newest `limitBytes` becomes a hole. The file's length
 * and the offsets in it stay what the guest wrote, so readers can go on where they were. What is not a regular
 * file (a pipe, /dev/null) is left alone.
 */
import { fstatSync, ftruncateSync, writeSync } from 'node:fs';
import { closeFd, NativeError, punchHole } from '../../native/index.js';

/** Enough for days of a talkative guest. */
export const MAX_LOG_BYTES = 16 * 1024 * 1024;
/** Holes begin and end at multiples of this, so that whole blocks of any file system become free. */
const HOLE_STEP_BYTES = 1024 * 1024;

export class LogFile {
  readonly fd: number;
  readonly #limitBytes: number;
  #sizeBytes: number;
  /** Everything below is a hole. */
  #keptFromBytes = 0;

  /** Owns `fd` from here on. */
  constructor(fd: number, limitBytes: number = MAX_LOG_BYTES) {
    this.fd = fd;
    const status = fstatSync(fd);
    this.#limitBytes = status.isFile() ? limitBytes : Number.POSITIVE_INFINITY;
    this.#sizeBytes = status.size;
  }

  /** A log that cannot be written (disk full) must not stop the guest. */
  write(bytes: Uint8Array): void {
    try {
      writeFully(this.fd, bytes);
      this.#sizeBytes += bytes.length;
      if (this.#sizeBytes - this.#keptFromBytes >= this.#limitBytes + HOLE_STEP_BYTES) this.#forgetOldest();
    } catch {
      // Nobody is there to tell; the chardev itself goes on.
    }
  }

  close(): void {
    closeFd(this.fd);
  }

  #forgetOldest(): void {
    const oldest = this.#sizeBytes - this.#limitBytes;
    const keepFromBytes = oldest - (oldest % HOLE_STEP_BYTES);
    try {
      punchHole(this.fd, 0, keepFromBytes);
      this.#keptFromBytes = keepFromBytes;
    } catch (error) {
      if (!(error instanceof NativeError) || error.code !== 'EOPNOTSUPP') throw error;
      this.#forgetAll();
    }
  }

  /** Without holes the bound holds all the same, and the offsets stay. */
  #forgetAll(): void {
    ftruncateSync(this.fd, 0);
    ftruncateSync(this.fd, this.#sizeBytes);
    this.#keptFromBytes = this.#sizeBytes;
  }
}

export function writeFully(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}
