/** Counts what the guest gets wrong and prints the first few: a guest can do this millions of times. */
import type { GuestErrors } from '../devices/device.js';

const MAX_PRINTED = 16;

export class GuestErrorLog implements GuestErrors {
  readonly #print: (line: string) => void;
  #count = 0;

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  invalidRead(device: string, offset: number): void {
    this.#report(() => `${device}: invalid read at offset 0x${offset.toString(16)}`);
  }

  invalidWrite(device: string, offset: number, value: number): void {
    this.#report(
      () => `${device}: invalid write of 0x${value.toString(16)} at offset 0x${offset.toString(16)}`,
    );
  }

  #report(describe: () => string): void {
    this.#count++;
    if (this.#count <= MAX_PRINTED) this.#print(`guest error: ${describe()}`);
    if (this.#count === MAX_PRINTED) this.#print('guest error: further ones are not printed');
  }
}
