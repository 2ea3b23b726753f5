/**
 * Whether the daemon can do its work. Reasons are codes and sentences without paths or names: whoever asks may not be
 * let in otherwise. For the same reason the store and the disk are looked at once a second at most.
 */
import { statfs } from 'node:fs/promises';
import type { Store } from '../store/store.js';

const KEEP_MS = 1_000;
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

export class Readiness {
  readonly #options: ReadinessOptions;
  #found: Promise<NotReady[]> | null = null;
  #foundAtMs = 0;

  constructor(options: ReadinessOptions) {
    this.#options = options;
  }

  /** Empty: it is ready. */
  async reasons(): Promise<NotReady[]> {
    const nowMs = performance.now();
    if (this.#found === null || nowMs - this.#foundAtMs >= KEEP_MS) {
      this.#foundAtMs = nowMs;
      this.#found = look(this.#options);
    }
    const found = await this.#found;
    if (!this.#options.isStopping()) return found;
    return [{ code: 'shutting_down', message: 'the daemon is stopping' }, ...found];
  }
}

async function look({ store, stateDir }: ReadinessOptions): Promise<NotReady[]> {
  const reasons: NotReady[] = [];
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
