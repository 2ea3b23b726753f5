/**
 * The `logfile` of a chardev: everything written to the chardev, peer or no peer. A guest decides how much
 * that is, so the file is bounded: at its limit it becomes `<path>.1`, replacing the one before, and a new one
 * is begun. What is not a regular file (a pipe, /dev/null) is left alone.
 */
import { closeSync, fstatSync, ftruncateSync, openSync, renameSync, writeSync } from 'node:fs';

/** Enough for days of a talkative guest; two of these are the most that a chardev takes on disk. */
export const MAX_LOG_BYTES = 16 * 1024 * 1024;

export class LogFile {
  readonly #path: string;
  readonly #limitBytes: number;
  #fd: number;
  #sizeBytes: number;

  constructor(path: string, append: boolean, limitBytes: number = MAX_LOG_BYTES) {
    this.#path = path;
    this.#fd = openSync(path, append ? 'a' : 'w', 0o644);
    const status = fstatSync(this.#fd);
    this.#limitBytes = status.isFile() ? limitBytes : Number.POSITIVE_INFINITY;
    this.#sizeBytes = status.size;
  }

  /** A log that cannot be written (disk full) must not stop the guest. */
  write(bytes: Uint8Array): void {
    try {
      if (this.#sizeBytes + bytes.length > this.#limitBytes) this.#beginAnew();
      writeFully(this.#fd, bytes);
      this.#sizeBytes += bytes.length;
    } catch {
      // Nobody is there to tell; the chardev itself goes on.
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  #beginAnew(): void {
    try {
      renameSync(this.#path, `${this.#path}.1`);
      const fd = openSync(this.#path, 'w', 0o644);
      closeSync(this.#fd);
      this.#fd = fd;
    } catch {
      ftruncateSync(this.#fd); // the folder cannot be changed; the bound holds all the same
    }
    this.#sizeBytes = 0;
  }
}

export function writeFully(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}
