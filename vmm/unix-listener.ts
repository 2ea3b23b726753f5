/**
 * A listening unix socket whose file is removed at the end only while it is still ours: a successor may
 * have bound the same path meanwhile. (Node's own servers unlink the path whatever is there.)
 */
import { lstatSync, unlinkSync } from 'node:fs';
import { closeFd, listenUnix } from '../native/index.js';

export class UnixListener {
  /** Non-blocking; owned by the listener unless it was given away by `release`. */
  readonly fd: number;
  readonly path: string;
  readonly #inode: string;
  #open = true;

  constructor(path: string, backlog: number) {
    this.path = path;
    this.fd = listenUnix(path, backlog);
    this.#inode = inodeOf(path) ?? '';
  }

  /** Removes the socket's file if it is ours. */
  unlink(): void {
    if (inodeOf(this.path) === this.#inode) unlinkSync(this.path);
  }

  /** The descriptor is somebody else's from here on. */
  release(): number {
    this.#open = false;
    return this.fd;
  }

  close(): void {
    this.unlink();
    if (this.#open) closeFd(this.fd);
    this.#open = false;
  }
}

/** Device and inode of what is at `path`. */
export function inodeOf(path: string): string | null {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? null : `${stat.dev}:${stat.ino}`;
}
