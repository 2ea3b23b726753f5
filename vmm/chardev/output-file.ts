/** A file that output goes to, opened by its path, or the one that came with the guest when that is the same. */
import { fstatSync, statSync } from 'node:fs';
import { closeFd } from '../../native/index.js';
import type { CarriedDescriptors } from '../carried.js';
import { openPath } from '../descriptors/open-path.js';

export interface OutputFileOptions {
  readonly path: string;
  readonly append: boolean;
}

/** The carried one is neither emptied nor written twice, whatever `append` says. `name`: what it is carried as. */
export function openOutput(
  { path, append }: OutputFileOptions,
  received: CarriedDescriptors,
  name: string,
): number {
  return takeSame(path, received, name) ?? openPath(path, append ? 'a' : 'w', 0o644);
}

/** What came under that name, if it is the file at `path`; else it is closed. */
export function takeSame(path: string, received: CarriedDescriptors, name: string): number | null {
  const fd = received.take(name);
  if (fd === null) return null;
  const ours = statSync(path, { bigint: true, throwIfNoEntry: false });
  const carried = fstatSync(fd, { bigint: true });
  if (ours !== undefined && ours.dev === carried.dev && ours.ino === carried.ino) return fd;
  closeFd(fd);
  return null;
}
