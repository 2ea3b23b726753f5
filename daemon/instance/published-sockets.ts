/**
 * Links from the paths that people know to where a socket is served now. A path is never taken from somebody who
 * listens there, nor from a file that is no socket.
 */
import { lstatSync, readlinkSync, renameSync, symlinkSync, unlinkSync } from 'node:fs';
import { closeFd, connectUnix, NativeError } from '../../native/index.js';
import type { PublishedSocket } from './adopted-sockets.js';

/** Links into `ownFolder` are ours to change. Returns the paths that are somebody else's. */
export function publish(sockets: readonly PublishedSocket[], ownFolder: string): string[] {
  const refused: string[] = [];
  for (const { path, servedAt } of sockets) {
    const target = linkAt(path);
    if (target === servedAt) continue;
    const isOurs = target?.startsWith(`${ownFolder}/`) ?? false;
    if (!isOurs && !isFree(path)) {
      refused.push(path);
      continue;
    }
    const fresh = `${path}.baton`;
    unlinkIfThere(fresh);
    symlinkSync(servedAt, fresh);
    renameSync(fresh, path);
  }
  return refused;
}

export function unpublish(sockets: readonly PublishedSocket[], ownFolder: string): void {
  for (const { path } of sockets) {
    if (linkAt(path)?.startsWith(`${ownFolder}/`)) unlinkSync(path);
  }
}

function linkAt(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}

/** Nothing is there, or a socket that nobody serves. */
function isFree(path: string): boolean {
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined) return true;
  if (!status.isSocket()) return false;
  try {
    closeFd(connectUnix(path));
    return false;
  } catch (error) {
    return error instanceof NativeError && error.code === 'ECONNREFUSED';
  }
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
