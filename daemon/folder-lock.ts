/**
 * One daemon per state folder: two would both drive the same VMMs. The lock belongs to the open file, so it
 * ends with the process however that dies, and a stale file means nothing.
 */
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { lockOfd } from '../native/index.js';

export interface FolderLock {
  release(): void;
}

export function lockFolder(folder: string): FolderLock {
  const path = `${folder}/batond.lock`;
  const fd = openSync(path, 'a+', 0o600);
  if (!lockOfd(fd, 'write', 0, 0)) {
    const holder = readFileSync(path, 'utf8').trim();
    closeSync(fd);
    throw new Error(
      `another batond (pid ${holder || 'unknown'}) uses ${folder}: stop it, or choose another --state-dir`,
    );
  }
  ftruncateSync(fd);
  writeSync(fd, `${process.pid}\n`);
  return { release: () => closeSync(fd) };
}
