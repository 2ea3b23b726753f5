/** What a virtio-blk device asks of the disk behind it. Ranges were checked: they are inside of it. */

/** What became of an operation; an error by its name (`ENOSPC`), null for none. */
export type Done = (error: string | null) => void;

/** What a failed request does: `stop`, and the VM stands, to try again when it goes on. */
export type ErrorAction = 'report' | 'ignore' | 'stop';

/** Gives a piece of the data to write, a copy; null: nobody wants it written any more. */
export type TakeData = (offset: number, sizeBytes: number) => Uint8Array | null;

export interface BlockBackend {
  readonly sizeBytes: number;
  readonly isReadOnly: boolean;
  /** Operations that were begun and are not done, also those of a device before this one. */
  readonly inFlight: number;
  /** Fills these buffers, when that needs no waiting. False: they hold anything now, and `read` is the way. */
  readNow(at: number, buffers: readonly Uint8Array[], sizeBytes: number): boolean;
  /** Writes these buffers, when that needs no waiting. False: any of it may be written, and `write` is the way. */
  writeNow(at: number, buffers: readonly Uint8Array[], sizeBytes: number): boolean;
  /** Gives the data in pieces, in order. */
  read(at: number, sizeBytes: number, put: (offset: number, bytes: Uint8Array) => void, done: Done): void;
  write(at: number, sizeBytes: number, take: TakeData, done: Done): void;
  /** Done when everything that was written before, and was done, is durable. */
  flush(done: Done): void;
  discard(at: number, sizeBytes: number, done: Done): void;
  /** `mayUnmap`: the space may be given back. */
  writeZeroes(at: number, sizeBytes: number, mayUnmap: boolean, done: Done): void;
  /** Decides what is to be done about an error, and tells whoever wants to know. */
  failed(isRead: boolean, error: string): ErrorAction;
  /** A request that could not be. */
  invalid(operation: 'read' | 'write' | 'unmap'): void;
  /** Called back once, when nothing is in flight. */
  whenIdle(work: () => void): void;
  /** Called back out of the guest's time. */
  soon(work: () => void): void;
}
