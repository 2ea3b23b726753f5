/**
 * A character device: bytes to and from the host side of a serial port. Lives in the machine's thread; what it has
 * open goes with the guest in the CPR modes, so that a client sees nothing of a hand-over but the pause.
 *
 * Handlers are properties set by the one user. Nothing is delivered before the event loop turns after
 * `openChardev` resolved, so a user that sets its handlers at once misses nothing.
 */
import type { CarriedDescriptors, Carrier } from '../carried.js';
import type { StatefulPart } from '../state/description.js';
import type { ChardevState } from './chardev-state.js';

export interface Chardev extends Carrier {
  readonly id: string;
  /** A peer is there: always true for files and null, true for a socket while a client is connected. */
  readonly isOpen: boolean;
  /** Where the other side is to be found, if that is not in the options: the path of a terminal. */
  readonly terminal: string | null;
  /** What of it is in the guest's state; null: nothing. */
  readonly part: StatefulPart<ChardevState> | null;
  /**
   * Takes all bytes, and keeps the array, or none. `false`: the output buffer is full, because the peer does not
   * read, and the bytes were dropped (they are in the log file, if there is one). Writing without a peer is no error.
   */
  write(bytes: Uint8Array): boolean;
  /** Up to this many bytes `write` takes surely. */
  readonly room: number;
  /** What the peer has sent, at most `maxBytes`; fewer: there is no more now. Nothing is taken that is not asked for. */
  read(maxBytes: number): Uint8Array;
  /** There may be something to read; again in each turn of the event loop until it is read, or reading is off. */
  onReadable: () => void;
  onOpen: () => void;
  onClose: () => void;
  /** At first off. Bytes wait in the host's buffers meanwhile. */
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
  /** The guest is still with another process, or on its way: no peer is read from or written to before it runs here. */
  readonly awaitsGuest: boolean;
  /** What came with the guest; each chardev takes what is its own. */
  readonly received: CarriedDescriptors;
}
