/**
 * Descriptors that the clients of one monitor have sent: those that were given names, and what a command came with.
 * Names stay until they are used or closed, whoever is connected.
 */
import { closeFd } from '../../native/index.js';
import { QmpError } from '../qmp/error.js';

const MAX_NAMES = 256;

/** Descriptors that have come with a command. */
export interface SentDescriptors {
  /** The first, the taker's; the others are closed. `null`: there is none. */
  take(): number | null;
}

export const NOTHING_SENT: SentDescriptors = { take: () => null };

export class NamedDescriptors {
  readonly #names = new Map<string, number>();

  /** Owns `fd` from here on, also when it throws `QmpError`. One that had the name is closed. */
  set(name: string, fd: number): void {
    const before = this.#names.get(name);
    if (before !== undefined) {
      closeFd(before);
    } else if (this.#names.size >= MAX_NAMES) {
      closeFd(fd);
      throw new QmpError(`expected at most ${MAX_NAMES} named descriptors`);
    }
    this.#names.set(name, fd);
  }

  /** The descriptor is the caller's, and has no name any more. `null`: there is no such name. */
  take(name: string): number | null {
    const fd = this.#names.get(name) ?? null;
    this.#names.delete(name);
    return fd;
  }

  close(): void {
    for (const fd of this.#names.values()) closeFd(fd);
    this.#names.clear();
  }
}

/** What a command sees of its monitor's descriptors. */
export class CommandDescriptors {
  readonly names: NamedDescriptors;
  readonly #sent: SentDescriptors;

  constructor(names: NamedDescriptors, sent: SentDescriptors) {
    this.names = names;
    this.#sent = sent;
  }

  /** The caller's. Throws `QmpError` when the command came with none. */
  receive(): number {
    const fd = this.#sent.take();
    if (fd === null) throw new QmpError('No file descriptor supplied via SCM_RIGHTS');
    return fd;
  }
}

/** Of a command that nobody can send anything with. */
export function noDescriptors(): CommandDescriptors {
  return new CommandDescriptors(new NamedDescriptors(), NOTHING_SENT);
}
