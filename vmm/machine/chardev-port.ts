/** A chardev as the host's side of a virtio-serial port. */
import type { Chardev } from '../chardev/chardev.js';
import type { HostPort, PortUser } from '../devices/virtio-serial/host-port.js';

/** A chardev does not say when it has room again. */
const RETRY_MS = 5;
const NOTHING = new Uint8Array(0);

export class ChardevPort implements HostPort {
  readonly #chardev: Chardev;
  #user: PortUser | null = null;
  #isReading = false;
  /** What the chardev has handed over and nobody has asked for yet. */
  #held: Uint8Array = NOTHING;
  #isRefused = false;
  #timer: NodeJS.Timeout | null = null;
  #immediate: NodeJS.Immediate | null = null;

  constructor(chardev: Chardev) {
    this.#chardev = chardev;
    chardev.setReading(false);
    chardev.onData = (bytes) => {
      this.#held = bytes;
      this.#listen();
      if (this.#isReading) this.#user?.readable();
    };
    chardev.onOpen = () => this.#user?.changed();
    chardev.onClose = () => this.#user?.changed();
  }

  get isOpen(): boolean {
    return this.#chardev.isOpen;
  }

  write(bytes: Uint8Array): boolean {
    this.#isRefused = this.#chardev.room < bytes.length;
    return !this.#isRefused && this.#chardev.write(bytes);
  }

  awaitWritable(): void {
    if (this.#timer !== null || this.#immediate !== null) return;
    if (this.#isRefused) this.#timer = setTimeout(() => this.#tryAgain(), RETRY_MS);
    else this.#immediate = setImmediate(() => this.#tryAgain());
  }

  read(maxBytes: number): Uint8Array {
    const bytes = this.#held.subarray(0, maxBytes);
    this.#held = this.#held.subarray(bytes.length);
    this.#listen();
    return bytes;
  }

  setReading(reading: boolean): void {
    if (reading === this.#isReading) return;
    this.#isReading = reading;
    this.#listen();
    if (reading && this.#held.length > 0) this.#user?.readable();
  }

  attach(user: PortUser | null): void {
    this.#user = user;
  }

  /** Nothing comes to the guest any more, and nothing keeps the thread alive. */
  close(): void {
    this.#user = null;
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#immediate !== null) clearImmediate(this.#immediate);
  }

  #listen(): void {
    this.#chardev.setReading(this.#isReading && this.#held.length === 0);
  }

  #tryAgain(): void {
    this.#timer = null;
    this.#immediate = null;
    this.#user?.writable();
  }
}
