/** A disk of any size that keeps nothing: what is read is whatever was there, or zeros. */
import type { Done, Image } from './image.js';

export class NullImage implements Image {
  readonly sizeBytes: number;
  readonly isReadOnly: boolean;
  readonly path = null;
  readonly #readZeroes: boolean;

  constructor(sizeBytes: number, isReadOnly: boolean, readZeroes: boolean) {
    this.sizeBytes = sizeBytes;
    this.isReadOnly = isReadOnly;
    this.#readZeroes = readZeroes;
  }

  readNow(_at: number, buffers: readonly Uint8Array[]): boolean {
    if (this.#readZeroes) for (const buffer of buffers) buffer.fill(0);
    return true;
  }

  writeNow(): boolean {
    return true;
  }

  read(_at: number, sizeBytes: number, done: (error: null, bytes: Uint8Array) => void): void {
    setImmediate(done, null, new Uint8Array(sizeBytes));
  }

  write(_at: number, _data: Uint8Array, done: Done): void {
    setImmediate(done, null);
  }

  flush(done: Done): void {
    setImmediate(done, null);
  }

  discard(_at: number, _sizeBytes: number, done: Done): void {
    setImmediate(done, null);
  }

  writeZeroes(_at: number, _sizeBytes: number, _mayUnmap: boolean, done: Done): void {
    setImmediate(done, null);
  }

  close(): void {}
}
