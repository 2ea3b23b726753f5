/** The `logfile` of a chardev: everything written to the chardev, peer or no peer. */
import { closeSync, openSync, writeSync } from 'node:fs';

export class LogFile {
  readonly #fd: number;

  constructor(path: string, append: boolean) {
    this.#fd = openSync(path, append ? 'a' : 'w', 0o644);
  }

  /** A log that cannot be written (disk full) must not stop the guest. */
  write(bytes: Uint8Array): void {
    try {
      writeFully(this.#fd, bytes);
    } catch {
      // Nobody is there to tell; the chardev itself goes on.
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}

export function writeFully(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}
