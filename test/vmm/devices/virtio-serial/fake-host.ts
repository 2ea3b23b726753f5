/** The host's end of a port, in a test's hand. */
import type { HostPort, PortUser } from '../../../../vmm/devices/virtio-serial/host-port.js';

export class FakeHost implements HostPort {
  isOpen = true;
  isReading = false;
  /** How many bytes it takes before it refuses. */
  room = Number.POSITIVE_INFINITY;
  /** What the guest has written. */
  written = '';
  /** What waits for the guest. */
  input = '';
  user: PortUser | null = null;
  #isAwaited = false;

  write(bytes: Uint8Array): boolean {
    if (bytes.length > this.room) return false;
    this.room -= bytes.length;
    this.written += Buffer.from(bytes).toString('latin1');
    return true;
  }

  awaitWritable(): void {
    this.#isAwaited = true;
  }

  read(maxBytes: number): Uint8Array {
    const bytes = Buffer.from(this.input.slice(0, maxBytes), 'latin1');
    this.input = this.input.slice(maxBytes);
    return bytes;
  }

  setReading(reading: boolean): void {
    this.isReading = reading;
  }

  attach(user: PortUser | null): void {
    this.user = user;
  }

  /** A turn of the event loop. */
  turn(): void {
    if (this.isReading && this.input !== '') this.user?.readable();
    if (!this.#isAwaited) return;
    this.#isAwaited = false;
    this.user?.writable();
  }

  set open(isOpen: boolean) {
    this.isOpen = isOpen;
    this.user?.changed();
  }
}
