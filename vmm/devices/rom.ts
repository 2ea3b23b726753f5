/** Read-only memory that is small enough to be served as a device. Its contents are rebuilt, not saved. */
import type { AccessWidth, GuestErrors, MmioDevice } from './device.js';

export class Rom implements MmioDevice {
  readonly #bytes: Uint8Array;
  readonly #errors: GuestErrors;

  /** What lies behind the end of `bytes` reads 0. */
  constructor(bytes: Uint8Array, errors: GuestErrors) {
    this.#bytes = bytes;
    this.#errors = errors;
  }

  read(offset: number, width: AccessWidth): number {
    let value = 0;
    for (let at = width - 1; at >= 0; at--) value = value * 256 + (this.#bytes[offset + at] ?? 0);
    return value;
  }

  write(offset: number, _width: AccessWidth, value: number): void {
    this.#errors.invalidWrite('rom', offset, value);
  }
}
