/**
 * The file that a suspended machine is. It is written under another name and is complete, and on the disk, when it
 * has its own: a crash of the host at any moment leaves either no file or a whole one. Its folder is its owner's
 * alone, as all of the guest's memory is in it.
 */
import { existsSync, statSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { removeVmmFolder } from '../instance/vmm-folder.js';
import { makeVmmFolder } from '../instance/vmm-user.js';

async function flush(path: string): Promise<void> {
  const file = await open(path);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

export class StateFile {
  readonly path: string;
  /** Where it is written. */
  readonly draft: string;
  /** Of the machine; its disk is the one that needs room. */
  readonly parent: string;
  readonly #folder: string;

  constructor(stateDir: string, machineId: string) {
    this.parent = `${stateDir}/machines/${machineId}`;
    this.#folder = `${this.parent}/saved`;
    this.path = `${this.#folder}/state`;
    this.draft = `${this.#folder}/state.draft`;
  }

  /** Null: there is none. */
  get bytes(): number | null {
    return statSync(this.path, { throwIfNoEntry: false })?.size ?? null;
  }

  get writtenAtMs(): number {
    return Math.round(statSync(this.path).mtimeMs);
  }

  get hasFolder(): boolean {
    return existsSync(this.#folder);
  }

  async makeFolder(): Promise<void> {
    await removeVmmFolder(this.#folder);
    makeVmmFolder(this.#folder);
    await flush(this.parent);
  }

  /** What was written is the state from now on. Returns its size. */
  async keep(): Promise<number> {
    await flush(this.draft);
    await rename(this.draft, this.path);
    await flush(this.#folder);
    return statSync(this.path).size;
  }

  /** Nothing to do is success. */
  async remove(): Promise<void> {
    if (!this.hasFolder) return;
    await removeVmmFolder(this.#folder);
    await flush(this.parent);
  }
}
