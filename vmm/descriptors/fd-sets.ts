/**
 * Sets of descriptors: files that somebody else has opened for this process, named `/dev/fdset/N` wherever a path is
 * wanted. A set has descriptors of one thing, opened for reading, for writing or for both; a path takes a copy of the
 * one that was opened as it needs it.
 */
import { constants, readFileSync } from 'node:fs';
import { closeFd, duplicateFd } from '../../native/index.js';
import { QmpError } from '../qmp/error.js';

/** The whole process may have about a thousand descriptors. */
const MAX_DESCRIPTORS = 256;
const ACCESS = 0o3;

export interface FdEntry {
  readonly fd: number;
  readonly opaque?: string;
}

export interface FdSet {
  readonly 'fdset-id': number;
  readonly fds: readonly FdEntry[];
}

export class FdSets {
  readonly #sets = new Map<number, FdEntry[]>();

  /** Owns `fd` from here on, also when it throws `QmpError`. `id` null: the lowest that is free. */
  add(fd: number, id: number | null, opaque?: string): { 'fdset-id': number; fd: number } {
    try {
      if (id !== null && id < 0) throw new QmpError("Parameter 'fdset-id' expects a non-negative value");
      const all = [...this.#sets.values()].flat();
      if (all.length >= MAX_DESCRIPTORS) {
        throw new QmpError(`expected at most ${MAX_DESCRIPTORS} descriptors in all sets`);
      }
    } catch (error) {
      closeFd(fd);
      throw error;
    }
    const setId = id ?? this.#lowestFree();
    const entries = this.#sets.get(setId) ?? [];
    entries.push({ fd, ...(opaque === undefined ? {} : { opaque }) });
    this.#sets.set(setId, entries);
    return { 'fdset-id': setId, fd };
  }

  /** Closes one descriptor of a set, or all (`null`). Who has opened the path goes on. Throws `QmpError`. */
  remove(id: number, fd: number | null): void {
    const entries = this.#sets.get(id) ?? [];
    const removed = entries.filter((entry) => fd === null || entry.fd === fd);
    if (removed.length === 0) {
      const name = fd === null ? `fdset-id:${id}` : `fdset-id:${id}, fd:${fd}`;
      throw new QmpError(`File descriptor named '${name}' not found`);
    }
    const kept = entries.filter((entry) => !removed.includes(entry));
    if (kept.length === 0) this.#sets.delete(id);
    else this.#sets.set(id, kept);
    for (const entry of removed) closeFd(entry.fd);
  }

  /** Knows none any more, and closes none: they are another thread's too. */
  forget(): void {
    this.#sets.clear();
  }

  /** The highest numbers first, as QEMU lists them. */
  list(): FdSet[] {
    const ids = [...this.#sets.keys()].sort((left, right) => right - left);
    return ids.map((id) => ({ 'fdset-id': id, fds: this.#sets.get(id) ?? [] }));
  }

  /** A copy, the caller's, of the descriptor that was opened as `flags` say. Throws an `Error` in QEMU's words. */
  open(id: number, flags: number): number {
    const entries = this.#sets.get(id);
    if (entries === undefined) throw failure('ENOENT', `Failed to find fdset /dev/fdset/${id}`);
    const found = entries.find(({ fd }) => ((flagsOf(fd) ^ flags) & ACCESS) === 0);
    if (found === undefined) {
      const wanted = (flags & ~constants.O_TRUNC).toString(16);
      throw failure('EACCES', `Failed to find file descriptor with matching flags=0x${wanted}`);
    }
    return duplicateFd(found.fd);
  }

  #lowestFree(): number {
    let id = 0;
    while (this.#sets.has(id)) id++;
    return id;
  }
}

/** As the file system would have failed. */
function failure(code: string, words: string): Error {
  return Object.assign(new Error(words), { code });
}

/** What a descriptor was opened with. */
function flagsOf(fd: number): number {
  const [, octal = '0'] =
    /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1')) ?? [];
  return Number.parseInt(octal, 8);
}
