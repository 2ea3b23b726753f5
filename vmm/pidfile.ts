/**
 * `-pidfile`: holds this process's number, locked while the process lives, so that a second process with
 * the same file is refused. Removed at the end only while it is still ours.
 */
import { constants, fstatSync, ftruncateSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { closeFd, lockOfd } from '../native/index.js';
import { OptionError } from './options/error.js';
import { inodeOf } from './unix-listener.js';

export class Pidfile {
  readonly #path: string;
  readonly #inode: string;

  constructor(path: string) {
    // The process may go to another folder.
    this.#path = resolve(path);
    const fd = open(path);
    if (!lockOfd(fd, 'write', 0, 1)) {
      closeFd(fd);
      throw new OptionError('-pidfile', `${path} is locked by a running process`);
    }
    // The descriptor stays open: the lock lives as long as the process.
    const { dev, ino } = fstatSync(fd, { bigint: true });
    this.#inode = `${dev}:${ino}`;
    ftruncateSync(fd, 0);
    writeSync(fd, `${process.pid}\n`);
  }

  remove(): void {
    if (inodeOf(this.#path) === this.#inode) unlinkSync(this.#path);
  }
}

function open(path: string): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  } catch (cause) {
    throw new OptionError('-pidfile', `cannot open ${path}: ${(cause as Error).message}`);
  }
}
