/**
 * Who may save or load a guest's memory when: only a few at a time, as all share one disk, and each that saves
 * only when the disk has room for it beside what the others under way have yet to write.
 */
import { lstatSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { BatonError } from '../errors.js';
import type { MachineSpec } from '../machine.js';
import { stateFileBytes } from '../preflight/room.js';
import type { StateFile } from './state-file.js';

const AT_A_TIME = 2;
const MIB = 1024 * 1024;

export class StateRoom {
  #free = AT_A_TIME;
  readonly #waiting: (() => void)[] = [];
  /** By file: how large it can become. */
  readonly #promised = new Map<string, number>();

  /** Waits for its turn. Rejects with the abort's reason, with nothing done. */
  async inTurn<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#take(signal);
    try {
      return await work();
    } finally {
      this.#give();
    }
  }

  /** The room is the file's until the work has ended. */
  async withRoom<T>(file: StateFile, spec: MachineSpec, work: () => Promise<T>): Promise<T> {
    const needed = stateFileBytes(spec, 'cpr-reboot');
    const { bavail, bsize } = await statfs(file.parent);
    const free = bavail * bsize - this.#outstanding();
    if (free < needed) {
      const [neededMiB, freeMiB] = [needed, Math.max(0, free)].map((bytes) => Math.ceil(bytes / MIB));
      const message = `the state of the guest needs ${neededMiB} MiB of room in ${file.parent}, but there are ${freeMiB} MiB: make room there`;
      throw new BatonError('state_has_no_room', message);
    }
    this.#promised.set(file.draft, needed);
    try {
      return await work();
    } finally {
      this.#promised.delete(file.draft);
    }
  }

  #outstanding(): number {
    let bytes = 0;
    for (const [file, promised] of this.#promised) {
      const written = lstatSync(file, { throwIfNoEntry: false })?.size ?? 0;
      bytes += Math.max(0, promised - written);
    }
    return bytes;
  }

  #take(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      if (this.#free > 0) {
        this.#free -= 1;
        return resolve();
      }
      const turn = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(turn), 1);
        reject(signal.reason);
      };
      this.#waiting.push(turn);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  /** To the one that has waited longest. */
  #give(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}
