/**
 * A character device: bytes to and from the host side of a serial port or a monitor. Knows no thread:
 * the machine worker uses it for serial ports, the main thread for monitors.
 *
 * Handlers are properties set by the one user. Nothing is delivered before the event loop turns after
 * `openChardev` resolved, so a user that sets its handlers at once misses nothing.
 */
export interface Chardev {
  readonly id: string;
  /** A peer is there: always true for files and null, true for a socket while a client is connected. */
  readonly isOpen: boolean;
  /**
   * Takes all bytes or none. `false`: the output buffer is full, because the peer does not read, and the
   * bytes were dropped (they are in the log file, if there is one). Writing without a peer is no error.
   */
  write(bytes: Uint8Array): boolean;
  /** Up to this many bytes `write` takes surely. */
  readonly room: number;
  /** Bytes of the peer. The array is the receiver's to keep. */
  onData: (bytes: Uint8Array) => void;
  onOpen: () => void;
  onClose: () => void;
  /** Stops and resumes delivery; bytes wait in the host's buffers meanwhile. */
  setReading(reading: boolean): void;
  /** Writes out what is buffered (for at most a second when the peer does not read) and lets go. */
  close(): Promise<void>;
}

export interface ChardevSettings {
  /**
   * Output kept while no peer is there and given to the next one, newest bytes first to stay. 0: what is
   * written without a peer goes to the log file only.
   */
  readonly backlogBytes: number;
}
