/**
 * Opens files by the paths that options and commands give: `/dev/fdset/N` is a copy of a descriptor of that set, all
 * others are the file system's. The sets are the process's, as its descriptors are. The machine's thread knows those of
 * the command line while it starts; what is added later is known to the main thread alone, which opens for it.
 */
import { constants, openSync } from 'node:fs';
import type { AddFdOptions } from '../options/options.js';
import { FdSets } from './fd-sets.js';

const PREFIX = '/dev/fdset/';
const FLAGS = {
  r: constants.O_RDONLY,
  w: constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC,
  a: constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND,
};

/** Those of this thread. */
export const fdSets = new FdSets();

/** Makes the sets of the command line. */
export function useFdSets(entries: readonly AddFdOptions[]): void {
  for (const { fd, set, opaque } of entries) fdSets.add(fd, set, opaque ?? undefined);
}

/** The same for a machine's thread, if it has one of its own, until what is returned is called. */
export function borrowFdSets(entries: readonly AddFdOptions[]): () => void {
  if (fdSets.list().length > 0) return () => {};
  useFdSets(entries);
  return () => fdSets.forget();
}

/** As `openSync`. Who opens a set's descriptor to write anew finds what is there: it is as it was handed over. */
export function openPath(path: string, flags: keyof typeof FLAGS | number, mode?: number): number {
  if (!path.startsWith(PREFIX)) return openSync(path, flags, mode);
  const digits = path.slice(PREFIX.length);
  if (!/^\d{1,9}$/.test(digits)) throw new Error(`Could not parse fdset ${path}`);
  return fdSets.open(Number(digits), typeof flags === 'number' ? flags : FLAGS[flags]);
}

export function isFdSetPath(path: string): boolean {
  return path.startsWith(PREFIX);
}
