/**
 * Between a UART and its chardev: collects what the guest sends until `flush`, which the run loop calls
 * after each slice, and feeds input as the UART has room or the firmware asks for it. Nothing is taken from the
 * chardev that the guest does not take at once: it would be lost in a hand-over.
 */
import type { Chardev } from '../chardev/chardev.js';
import type { UartPort } from '../devices/uart16550.js';

/** A guest prints at most a few KiB per slice; more is flushed at once. */
const OUTPUT_BYTES = 4096;
const NOTHING = new Uint8Array(0);

export interface Receiver {
  readonly room: number;
  /** Everything that was received has been read. */
  readonly isEmpty: boolean;
  receive(byte: number): void;
}

export class SerialPort implements UartPort {
  readonly #chardev: Chardev | null;
  readonly #onInput: () => void;
  readonly #output = new Uint8Array(OUTPUT_BYTES);
  #outputLength = 0;
  /** There may be input that was not asked for yet. */
  #mayHaveMore = false;
  #receiver: Receiver | null = null;
  #feeding = false;
  #isReadByFirmware = false;

  /** `onInput`: something arrived, the guest may have an interrupt to take. */
  constructor(chardev: Chardev | null, onInput: () => void) {
    this.#chardev = chardev;
    this.#onInput = onInput;
    if (chardev === null) return;
    chardev.onReadable = () => {
      this.#mayHaveMore = true;
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

  /** Asked for as much as there is room for only when all was read: one call to the system for many bytes. */
  readyForInput(): void {
    if (this.#receiver?.isEmpty) this.#feed();
  }

  /** Takes up to `limit` bytes of input past the UART: the firmware's console reads them. */
  take(limit: number): Uint8Array {
    this.#isReadByFirmware = true;
    const taken = this.#read(limit);
    this.#listen();
    return taken;
  }

  #feed(): void {
    if (this.#receiver === null || this.#feeding) return;
    this.#feeding = true;
    while (this.#mayHaveMore && this.#receiver.room > 0) {
      for (const byte of this.#read(this.#receiver.room)) this.#receiver.receive(byte);
    }
    this.#feeding = false;
    this.#listen();
  }

  #read(limit: number): Uint8Array {
    if (this.#chardev === null || !this.#mayHaveMore) return NOTHING;
    const bytes = this.#chardev.read(limit);
    this.#mayHaveMore = bytes.length === limit;
    return bytes;
  }

  /** To be told of input makes sense when none is known of, and somebody has room for it. */
  #listen(): void {
    const hasRoom = this.#isReadByFirmware || (this.#receiver?.room ?? 0) > 0;
    this.#chardev?.setReading(hasRoom && !this.#mayHaveMore);
  }
}
