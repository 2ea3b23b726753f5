/**
 * Between a UART and its chardev: collects what the guest sends until `flush`, which the run loop calls
 * after each slice, and feeds input as the UART has room, holding the sender back meanwhile: what was taken from
 * the chardev and not by the UART would be lost in a hand-over. Only a guest that reads through the firmware is read
 * ahead for.
 */
import type { Chardev } from '../chardev/chardev.js';
import type { UartPort } from '../devices/uart16550.js';

/** A guest prints at most a few KiB per slice; more is flushed at once. */
const OUTPUT_BYTES = 4096;

export interface Receiver {
  readonly room: number;
  receive(byte: number): void;
}

export class SerialPort implements UartPort {
  readonly #chardev: Chardev | null;
  readonly #onInput: () => void;
  readonly #output = new Uint8Array(OUTPUT_BYTES);
  #outputLength = 0;
  #input = new Uint8Array(0);
  #receiver: Receiver | null = null;
  #feeding = false;
  #isReadByFirmware = false;

  /** `onInput`: something arrived, the guest may have an interrupt to take. */
  constructor(chardev: Chardev | null, onInput: () => void) {
    this.#chardev = chardev;
    this.#onInput = onInput;
    if (chardev === null) return;
    chardev.onData = (bytes) => {
      this.#input = this.#input.length === 0 ? bytes.slice() : concat(this.#input, bytes);
      this.#feed();
      this.#onInput();
    };
  }

  /** The UART in use: another one after each reset and restore. */
  connect(receiver: Receiver): void {
    this.#receiver = receiver;
    this.#feed();
  }

  send(byte: number): void {
    this.#output[this.#outputLength++] = byte;
    if (this.#outputLength === OUTPUT_BYTES) this.flush();
  }

  sendAll(bytes: Uint8Array): void {
    for (const byte of bytes) this.send(byte);
  }

  flush(): void {
    if (this.#outputLength === 0) return;
    this.#chardev?.write(this.#output.slice(0, this.#outputLength));
    this.#outputLength = 0;
  }

  readyForInput(): void {
    this.#feed();
  }

  /** Takes up to `limit` bytes of input past the UART: the firmware's console reads them. */
  take(limit: number): Uint8Array {
    this.#isReadByFirmware = true;
    const taken = this.#input.slice(0, limit);
    this.#input = this.#input.subarray(taken.length);
    this.#holdBack();
    return taken;
  }

  #feed(): void {
    if (this.#receiver === null || this.#feeding) return;
    this.#feeding = true;
    let at = 0;
    while (at < this.#input.length && this.#receiver.room > 0) this.#receiver.receive(this.#input[at++] ?? 0);
    this.#input = this.#input.subarray(at);
    this.#feeding = false;
    this.#holdBack();
  }

  #holdBack(): void {
    const hasRoom = this.#isReadByFirmware || (this.#receiver?.room ?? 0) > 0;
    this.#chardev?.setReading(hasRoom && this.#input.length === 0);
  }
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
