/**
 * Where the bytes of a disk are: a file or a device of the host, or nothing. Ranges are inside of `sizeBytes`, which is
 * a multiple of a sector. `done` is never called before the call that it was given to returns.
 */
import type { Done } from '../devices/virtio-blk/backend.js';

export type { Done };

export interface Image {
  readonly sizeBytes: number;
  readonly isReadOnly: boolean;
  /** `null`: nothing that another process could have open. */
  readonly path: string | null;
  /** Fills these buffers of `sizeBytes` together, when that needs no waiting. False: they hold anything. */
  readNow(at: number, buffers: readonly Uint8Array[], sizeBytes: number): boolean;
  /** Writes these buffers, when that is only a copy. False: any of it may be written. */
  writeNow(at: number, buffers: readonly Uint8Array[]): boolean;
  read(at: number, sizeBytes: number, done: (error: string | null, bytes: Uint8Array) => void): void;
  /** `data` stays as it is until this is done. */
  write(at: number, data: Uint8Array, done: Done): void;
  flush(done: Done): void;
  /** Bytes that are there no more may be anything afterwards. */
  discard(at: number, sizeBytes: number, done: Done): void;
  writeZeroes(at: number, sizeBytes: number, mayUnmap: boolean, done: Done): void;
  /** Nothing may be under way. */
  close(): void;
}

export function nameOf(error: unknown): string {
  return (error as NodeJS.ErrnoException | null)?.code ?? 'EIO';
}
