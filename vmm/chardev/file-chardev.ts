/**
 * Output into a file, and input from a pipe with a name if there is one. Without a file it is the null device,
 * which only has a log.
 */
import { closeSync } from 'node:fs';
import { openPath } from '../descriptors/open-path.js';
import type { Chardev } from './chardev.js';
import type { LogFile } from './log-file.js';
import { writeFully } from './log-file.js';
import { PipeInput } from './pipe-input.js';

export class FileChardev implements Chardev {
  readonly id: string;
  readonly isOpen = true;
  readonly room = Number.POSITIVE_INFINITY;
  onData: (bytes: Uint8Array) => void = () => {};
  onOpen: () => void = () => {};
  onClose: () => void = () => {};
  readonly #log: LogFile | null;
  readonly #input: PipeInput | null;
  #fd: number | null;

  constructor(
    id: string,
    file: { path: string; append: boolean } | null,
    inputPath: string | null,
    log: LogFile | null,
  ) {
    this.id = id;
    this.#log = log;
    this.#fd = file && openPath(file.path, file.append ? 'a' : 'w', 0o644);
    this.#input = inputPath === null ? null : new PipeInput(inputPath, (bytes) => this.onData(bytes));
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

  setReading(reading: boolean): void {
    this.#input?.setReading(reading);
  }

  async close(): Promise<void> {
    this.#input?.close();
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
    this.#log?.close();
  }
}
