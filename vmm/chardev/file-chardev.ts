/** Output into a file; there is no input. Without a file it is the null device, which only has a log. */
import { closeSync, openSync } from 'node:fs';
import type { Chardev } from './chardev.js';
import type { LogFile } from './log-file.js';
import { writeFully } from './log-file.js';

export class FileChardev implements Chardev {
  readonly id: string;
  readonly isOpen = true;
  onData: (bytes: Uint8Array) => void = () => {};
  onOpen: () => void = () => {};
  onClose: () => void = () => {};
  readonly #log: LogFile | null;
  #fd: number | null;

  constructor(id: string, file: { path: string; append: boolean } | null, log: LogFile | null) {
    this.id = id;
    this.#log = log;
    this.#fd = file && openSync(file.path, file.append ? 'a' : 'w', 0o644);
  }

  write(bytes: Uint8Array): boolean {
    this.#log?.write(bytes);
    if (this.#fd === null) return true;
    try {
      writeFully(this.#fd, bytes);
      return true;
    } catch {
      return false;
    }
  }

  setReading(): void {}

  async close(): Promise<void> {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
    this.#log?.close();
  }
}
