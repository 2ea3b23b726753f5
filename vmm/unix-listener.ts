/**
 * A listening unix socket. Its file appears only when it can be connected to: clients that wait for the path
 * are never refused in the moment between bind and listen. It is removed at the end only while it is still
 * ours: a successor may have bound the same path meanwhile. (Node's own servers do neither.)
 */
import { lstatSync, renameSync, unlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { closeFd, listenUnix } from '../native/index.js';

/** The kernel's limit, without the final NUL. */
const MAX_PATH_BYTES = 107;

export class UnixListener {
  /** Non-blocking; owned by the listener unless it was given away by `release`. */
  readonly fd: number;
  readonly path: string;
  /** Of the socket's file. */
  readonly inode: string;
  #open = true;

  /** `fd`: one that listens at `path` already. */
  constructor(path: string, backlog: number, fd: number | null = null) {
    this.path = path;
    if (fd !== null) {
      this.fd = fd;
      this.inode = inodeOf(path) ?? '';
      return;
    }
    const passing = passingPath(path);
    this.fd = listenUnix(passing, backlog);
    this.inode = inodeOf(passing) ?? '';
    if (passing !== path) renameSync(passing, path);
  }

  /** Removes the socket's file if it is ours. */
  unlink(): void {
    if (inodeOf(this.path) === this.inode) unlinkSync(this.path);
  }

  /** The descriptor is somebody else's from here on. */
  release(): number {
    this.#open = false;
    return this.fd;
  }

  close(): void {
    this.unlink();
    this.abandon();
  }

  /** Leaves the file to whoever else has the descriptor. */
  abandon(): void {
    if (this.#open) closeFd(this.fd);
    this.#open = false;
  }
}

/**
 * Where the socket is bound before it gets its name, in the same directory. When that would be too long for a
 * socket, or the name is taken by another kind of file (which bind refuses), it is bound in place.
 */
function passingPath(path: string): string {
  const passing = join(dirname(path), `.${process.pid}-${basename(path)}`);
  const isOurs = lstatSync(path, { throwIfNoEntry: false })?.isSocket() ?? true;
  return isOurs && Buffer.byteLength(passing) <= MAX_PATH_BYTES ? passing : path;
}

/** Device and inode of what is at `path`. */
export function inodeOf(path: string): string | null {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? null : `${stat.dev}:${stat.ino}`;
}
