/**
 * Whether the daemon can do its work. Reasons are codes and sentences without paths or names: whoever asks may not be
 * let in otherwise.
 */
import { statfs } from 'node:fs/promises';
import type { Store } from '../store/store.js';

/** Below this the store and the console logs are about to be refused. */
const LEAST_FREE_BYTES = 64 * 1024 * 1024;
const LEAST_FREE_FILES = 256;

export interface NotReady {
  readonly code: 'store_not_writable' | 'disk_full' | 'shutting_down';
  readonly message: string;
}

export interface ReadinessOptions {
  readonly store: Store;
  readonly stateDir: string;
  readonly isStopping: () => boolean;
}

export async function notReadyReasons(options: ReadinessOptions): Promise<NotReady[]> {
  const { store, stateDir, isStopping } = options;
  const reasons: NotReady[] = [];
  if (isStopping()) reasons.push({ code: 'shutting_down', message: 'the daemon is stopping' });
  if (!store.isWritable()) {
    reasons.push({ code: 'store_not_writable', message: 'the inventory cannot be written' });
  }
  if (!(await hasRoom(stateDir))) {
    reasons.push({ code: 'disk_full', message: 'the disk of the inventory has no room left' });
  }
  return reasons;
}

/** A file system that cannot be asked is not known to be full; the store tells. */
async function hasRoom(folder: string): Promise<boolean> {
  try {
    const { bavail, bsize, files, ffree } = await statfs(folder);
    return bavail * bsize >= LEAST_FREE_BYTES && (files === 0 || ffree >= LEAST_FREE_FILES);
  } catch {
    return true;
  }
}
