/**
 * The file that a suspended machine is. It is written under another name and is complete, and on the disk, when it
 * has its own: a crash of the host at any moment leaves either no file or a whole one. Its folder is its owner's
 * alone, as all of the guest's memory is in it.
 */
import { existsSync, lstatSync, type Stats } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { openVmmFile } from '../instance/vmm-file.js';
import { removeVmmFolder } from '../instance/vmm-folder.js';
import { makeVmmFolder } from '../instance/vmm-user.js';

async function flush(file: FileHandle): Promise<void> {
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
    return this.#status?.size ?? null;
  }

  get writtenAtMs(): number {
    const status = this.#status;
    if (status === null) throw new Error(`expected ${this.path} to be a file`);
    return Math.round(status.mtimeMs);
  }

  /** Of a file: a VMM wrote it, and can have put something else there. */
  get #status(): Stats | null {
    const status = lstatSync(this.path, { throwIfNoEntry: false });
    return status?.isFile() ? status : null;
  }

  get hasFolder(): boolean {
    return existsSync(this.#folder);
  }

  async makeFolder(): Promise<void> {
    await removeVmmFolder(this.#folder);
    makeVmmFolder(this.#folder);
    await flush(await open(this.parent));
  }

  /** What was written is the state from now on. Returns its size. */
  async keep(): Promise<number> {
    const file = await openVmmFile(this.draft);
    const { size } = await file.stat();
    await flush(file);
    await rename(this.draft, this.path);
    await flush(await open(this.#folder));
    return size;
  }

  /** Nothing to do is success. */
  async remove(): Promise<void> {
    if (!this.hasFolder) return;
    await removeVmmFolder(this.#folder);
    await flush(await open(this.parent));
  }
}
