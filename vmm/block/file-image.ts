/**
 * A raw image: a file or a block device. What is not in the page cache is read and written by Node's thread pool, so
 * nothing here waits for a disk. A file that has become shorter reads as zeros behind its end, as in QEMU.
 *
 * Its descriptor may be shared with another process that has the guest by then: offsets of the description are not
 * used, and nothing is written but what a device asks for.
 */
import { closeSync, fdatasync, fstatSync, ftruncateSync, read, write } from 'node:fs';
import {
  type Clearing,
  clearRange,
  closeFd,
  endOfFile,
  preadvNowait,
  pwritevTimed,
} from '../../native/index.js';
import { DirectIo, probeAlignment } from './direct-io.js';
import { type Done, type Image, nameOf } from './image.js';
import { WritePatience } from './write-patience.js';

/** Zeros are written in pieces of this when the host cannot do better. */
const ZEROS = new Uint8Array(256 * 1024);
const SECTOR_BYTES = 512;
const UNSUPPORTED = ['EOPNOTSUPP', 'ENOTSUP', 'EINVAL', 'ENOTTY', 'ENOSYS', 'EPERM'];

export interface FileImageOptions {
  readonly path: string;
  readonly isReadOnly: boolean;
  readonly direct: boolean;
  /** Flushes say that they are done. */
  readonly noFlush: boolean;
  /** Others are kept from the image while a device uses it. */
  readonly isLockable: boolean;
  /** It came from another process. */
  readonly isReceived: boolean;
}

export class FileImage implements Image {
  readonly fd: number;
  readonly path: string;
  readonly isReadOnly: boolean;
  readonly isLockable: boolean;
  readonly isReceived: boolean;
  readonly #options: FileImageOptions;
  readonly #isDevice: boolean;
  readonly #direct: DirectIo | null;
  readonly #unsupported = new Set<Clearing>();
  readonly #patience = new WritePatience();
  #sizeBytes = 0;
  #flushing = 0;
  /** The page cache has lost what it could not write: no later flush can be good. */
  #lost: string | null = null;

  constructor(fd: number, options: FileImageOptions) {
    this.fd = fd;
    this.path = options.path;
    this.isReadOnly = options.isReadOnly;
    this.isLockable = options.isLockable;
    this.isReceived = options.isReceived;
    this.#options = options;
    this.#isDevice = !fstatSync(fd).isFile();
    this.refreshSize();
    this.#direct = options.direct ? new DirectIo(this, probeAlignment(fd)) : null;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Taken up on the host. */
  get actualBytes(): number {
    return fstatSync(this.fd).blocks * SECTOR_BYTES;
  }

  /** Nothing may be under way behind the new end. */
  resize(sizeBytes: number): void {
    ftruncateSync(this.fd, sizeBytes);
    this.refreshSize();
  }

  /** Looks how large the file is now. A last piece of a sector counts as a whole one. */
  refreshSize(): void {
    this.#sizeBytes = Math.ceil(endOfFile(this.fd) / SECTOR_BYTES) * SECTOR_BYTES;
  }

  readNow(at: number, buffers: readonly Uint8Array[], sizeBytes: number): boolean {
    if (this.#direct !== null) return false;
    try {
      return preadvNowait(this.fd, buffers, at) === sizeBytes;
    } catch {
      return false; // the way that can tell is the other one
    }
  }

  /** Not beside a flush: file systems may hold a write up until that is done. */
  writeNow(at: number, buffers: readonly Uint8Array[]): boolean {
    if (this.#direct !== null || this.#isDevice || this.#flushing > 0 || !this.#patience.isLeft) return false;
    const sleptNs = pwritevTimed(this.fd, buffers, at);
    if (sleptNs === null) return false;
    this.#patience.slept(sleptNs);
    return true;
  }

  read(at: number, sizeBytes: number, done: (error: string | null, bytes: Uint8Array) => void): void {
    if (this.#direct !== null) this.#direct.read(at, sizeBytes, done);
    else this.readInto(Buffer.allocUnsafeSlow(sizeBytes), at, done);
  }

  write(at: number, data: Uint8Array, done: Done): void {
    if (this.#direct !== null) this.#direct.write(at, data, done);
    else this.writeFrom(data, at, done);
  }

  flush(done: Done): void {
    if (this.#options.noFlush || this.isReadOnly) {
      setImmediate(done, null);
    } else if (this.#lost !== null) {
      setImmediate(done, this.#lost);
    } else {
      this.#flushing++;
      fdatasync(this.fd, (error) => {
        this.#flushing--;
        if (error !== null && this.#direct === null) this.#lost = nameOf(error);
        done(error === null ? null : nameOf(error));
      });
    }
  }

  discard(at: number, sizeBytes: number, done: Done): void {
    if (sizeBytes === 0) {
      setImmediate(done, null);
      return;
    }
    const how = this.#isDevice ? 'discard-device' : 'punch-hole';
    // A host that cannot give space back keeps it, which is as good.
    this.#clear(how, at, sizeBytes, (error) => done(error === 'unsupported' ? null : error));
  }

  writeZeroes(at: number, sizeBytes: number, mayUnmap: boolean, done: Done): void {
    if (sizeBytes === 0) {
      setImmediate(done, null);
      return;
    }
    const ways: Clearing[] = this.#isDevice ? ['zero-device'] : ['zero-range'];
    if (mayUnmap && !this.#isDevice) ways.unshift('punch-hole');
    this.#zero(ways, at, sizeBytes, done);
  }

  close(): void {
    // Node closes what it opened, and complains of a descriptor that it did not.
    if (this.isReceived) closeFd(this.fd);
    else closeSync(this.fd);
  }

  /** All of `buffer` from a position, zeros from where the file ends. */
  readInto(buffer: Buffer, at: number, done: (error: string | null, bytes: Buffer) => void): void {
    const next = (offset: number) => {
      read(this.fd, buffer, offset, buffer.length - offset, at + offset, (error, count) => {
        if (error !== null) {
          done(nameOf(error), buffer);
        } else if (count === 0 || offset + count === buffer.length) {
          done(null, buffer.fill(0, offset + count));
        } else {
          next(offset + count);
        }
      });
    };
    next(0);
  }

  /** All of `data`; a file system that takes only a part is asked for the rest, and says why not. */
  writeFrom(data: Uint8Array, at: number, done: Done): void {
    const next = (offset: number) => {
      write(this.fd, data, offset, data.length - offset, at + offset, (error, count) => {
        if (error !== null) done(nameOf(error));
        else if (count === 0) done('ENOSPC');
        else if (offset + count < data.length) next(offset + count);
        else done(null);
      });
    };
    next(0);
  }

  #zero(ways: readonly Clearing[], at: number, sizeBytes: number, done: Done): void {
    const [how, ...others] = ways;
    if (how === undefined) {
      this.#writeZeros(at, sizeBytes, done);
      return;
    }
    this.#clear(how, at, sizeBytes, (error) => {
      if (error === 'unsupported') this.#zero(others, at, sizeBytes, done);
      else done(error);
    });
  }

  #writeZeros(at: number, sizeBytes: number, done: Done): void {
    const length = Math.min(sizeBytes, ZEROS.length);
    this.write(at, ZEROS.subarray(0, length), (error) => {
      if (error !== null || length === sizeBytes) done(error);
      else this.#writeZeros(at + length, sizeBytes - length, done);
    });
  }

  #clear(how: Clearing, at: number, sizeBytes: number, done: Done): void {
    if (this.#unsupported.has(how)) {
      setImmediate(done, 'unsupported');
      return;
    }
    clearRange(this.fd, how, at, sizeBytes).then(
      () => done(null),
      (error) => {
        const name = nameOf(error);
        const isUnsupported = UNSUPPORTED.includes(name);
        if (isUnsupported) this.#unsupported.add(how);
        done(isUnsupported ? 'unsupported' : name);
      },
    );
  }
}
