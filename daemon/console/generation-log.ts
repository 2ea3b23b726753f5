/**
 * The console log of one generation: the file in which its VMM keeps what the guest wrote, complete whether
 * anybody listened or not. Its oldest part may have become a hole; that is told, never read as zeros. Reads do
 * not block the daemon on a slow disk.
 */
import type { FileHandle } from 'node:fs/promises';
import { findData } from '../../native/index.js';
import { openVmmFile } from '../instance/vmm-file.js';

export class GenerationLog {
  readonly #file: FileHandle;

  /** Null: the VMM has not made it (yet), or it was removed. */
  static async open(path: string): Promise<GenerationLog | null> {
    try {
      return new GenerationLog(await openVmmFile(path));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Null: some of it is no longer kept. No bytes: there are none yet. */
  async read(offset: number, maxBytes: number): Promise<Uint8Array | null> {
    const length = Math.min(maxBytes, Math.max(0, (await this.size()) - offset));
    const { bytesRead, buffer } = await this.#file.read(Buffer.allocUnsafe(length), 0, length, offset);
    /* Looked at afterwards, so that a hole made during the read is seen. */
    if (offset < (await this.keptFrom())) return null;
    return buffer.subarray(0, bytesRead);
  }

  async size(): Promise<number> {
    return (await this.#file.stat()).size;
  }

  /** The first byte that is kept; the end, when none is. */
  async keptFrom(): Promise<number> {
    /* The size first: what is written after that is data. */
    const size = await this.size();
    return findData(this.#file.fd, 0) ?? size;
  }

  /** As much of its end as is kept, at most `maxBytes`. */
  async tail(maxBytes: number): Promise<Uint8Array> {
    const start = Math.max(0, (await this.size()) - maxBytes);
    const { bytesRead, buffer } = await this.#file.read(Buffer.allocUnsafe(maxBytes), 0, maxBytes, start);
    const gone = Math.max(0, (await this.keptFrom()) - start);
    return buffer.subarray(Math.min(gone, bytesRead), bytesRead);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
