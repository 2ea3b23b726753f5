/** A chardev as the host's side of a virtio-serial port. */
import type { Chardev } from '../chardev/chardev.js';
import type { HostPort, PortUser } from '../devices/virtio-serial/host-port.js';

/** A chardev does not say when it has room again. */
const RETRY_MS = 5;

export class ChardevPort implements HostPort {
  readonly #chardev: Chardev;
  #user: PortUser | null = null;
  #isRefused = false;
  #timer: NodeJS.Timeout | null = null;
  #immediate: NodeJS.Immediate | null = null;

  constructor(chardev: Chardev) {
    this.#chardev = chardev;
    chardev.onReadable = () => this.#user?.readable();
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
    return this.#chardev.read(maxBytes);
  }

  setReading(reading: boolean): void {
    this.#chardev.setReading(reading);
  }

  attach(user: PortUser | null): void {
    this.#user = user;
  }

  /** Nothing comes to the guest any more, and nothing keeps the thread alive. */
  close(): void {
    this.#user = null;
    this.#chardev.setReading(false);
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#immediate !== null) clearImmediate(this.#immediate);
  }

  #tryAgain(): void {
    this.#timer = null;
    this.#immediate = null;
    this.#user?.writable();
  }
}
