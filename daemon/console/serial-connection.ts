/**
 * One connection to the serial chardev of a VMM, for input only. Every byte is a message of its own, so that the
 * kernel's count of what is unread says to the byte how many the VMM has not taken; what it has not taken is
 * thrown away with the connection. What the VMM sends is read and dropped: a client that does not read makes the
 * guest wait, and the console log has it all.
 */
import {
  closeFd,
  connectUnix,
  NativeError,
  receiveMessage,
  sendMessage,
  unreadBytes,
} from '../../native/index.js';

const OUTPUT_BYTES = 64 * 1024;
/** A guest that writes endlessly must not keep the daemon reading. */
const MAX_OUTPUT_READS = 4;

export class SerialConnection {
  readonly #fd: number;
  /** What one unread byte counts; learned from the first. */
  #unit: number | null = null;

  /** Null: nobody listens there now. */
  static open(path: string): SerialConnection | null {
    try {
      return new SerialConnection(connectUnix(path));
    } catch (error) {
      if (error instanceof NativeError) return null;
      throw error;
    }
  }

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** Bytes that were sent and that the VMM has not taken. */
  unread(): number {
    const unread = unreadBytes(this.#fd);
    return unread === 0 ? 0 : Math.ceil(unread / (this.#unit ?? unread));
  }

  /** False: there is no room, or nobody there, now. */
  send(byte: number): boolean {
    const wasEmpty = this.#unit === null && unreadBytes(this.#fd) === 0;
    try {
      if (sendMessage(this.#fd, Uint8Array.of(byte), []) === 0) return false;
    } catch (error) {
      if (error instanceof NativeError) return false;
      throw error;
    }
    const unread = wasEmpty ? unreadBytes(this.#fd) : 0;
    if (unread > 0) this.#unit = unread;
    return true;
  }

  /** False: the VMM has hung up. */
  dropOutput(): boolean {
    try {
      for (let reads = 0; reads < MAX_OUTPUT_READS; reads += 1) {
        const message = receiveMessage(this.#fd, OUTPUT_BYTES, 0);
        if (message === null) return true;
        if (message.data.length === 0) return false;
      }
      return true;
    } catch (error) {
      if (error instanceof NativeError) return false;
      throw error;
    }
  }

  close(): void {
    closeFd(this.#fd);
  }
}
