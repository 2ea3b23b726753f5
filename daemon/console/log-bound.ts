/**
 * Keeps console logs from filling the disk, whoever writes them: what is older than the newest `limitBytes` of
 * a log becomes a hole. Offsets stay. A guest can exceed the bound by what it writes between two rounds.
 */
import { constants } from 'node:fs';
import { lstat } from 'node:fs/promises';
import type { Logger } from 'pino';
import { findData, punchHole } from '../../native/index.js';
import { messageOf } from '../errors.js';
import { openVmmFile } from '../instance/vmm-file.js';
import { instancePaths } from '../instance.js';
import type { Store } from '../store/store.js';

/** Holes begin and end at multiples of this, so that whole blocks of any file system become free. */
const HOLE_STEP_BYTES = 1024 * 1024;
const ROUND_MS = 1_000;

export class LogBound {
  readonly #store: Store;
  readonly #log: Logger;
  readonly #limitBytes: number;
  /** Logs that could not be bounded: told once each. */
  readonly #failed = new Set<string>();
  #timer: NodeJS.Timeout | null = null;
  #round: Promise<void> = Promise.resolve();

  constructor(store: Store, log: Logger, limitBytes: number) {
    this.#store = store;
    this.#log = log.child({ component: 'console' });
    this.#limitBytes = limitBytes;
  }

  start(): void {
    this.#timer = setTimeout(() => {
      this.#round = this.#boundAll().then(() => {
        if (this.#timer !== null) this.start();
      });
    }, ROUND_MS).unref();
  }

  /** Resolves when nothing of it runs any more. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    await this.#round;
  }

  async #boundAll(): Promise<void> {
    const paths = this.#store.instances.notGone().map((instance) => instancePaths(instance).consoleLog);
    for (const path of this.#failed) if (!paths.includes(path)) this.#failed.delete(path);
    for (const path of paths) {
      if (this.#timer === null) return;
      try {
        await this.#bound(path);
      } catch (error) {
        this.#tell(path, error);
      }
    }
  }

  #tell(path: string, error: unknown): void {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || this.#failed.has(path)) return;
    this.#failed.add(path);
    this.#log.error({ path, reason: messageOf(error) }, 'a console log cannot be bounded');
  }

  async #bound(path: string): Promise<void> {
    const { size } = await lstat(path);
    const keepFromBytes = size - this.#limitBytes - ((size - this.#limitBytes) % HOLE_STEP_BYTES);
    if (keepFromBytes <= 0) return;
    const file = await openVmmFile(path, constants.O_RDWR);
    try {
      const first = findData(file.fd, 0);
      if (first !== null && first < keepFromBytes) punchHole(file.fd, 0, keepFromBytes);
    } finally {
      await file.close();
    }
  }
}
