/**
 * Which of a client's descriptors came with which command. A command takes those that came with it or before it, the
 * newest; a client may send them first and the command afterwards. Those that nobody takes are closed when newer ones
 * come, or when the client goes.
 */
import { closeFd } from '../../native/index.js';
import type { SentDescriptors } from '../descriptors/monitor-descriptors.js';

class Group implements SentDescriptors {
  #fds: readonly number[];

  constructor(fds: readonly number[]) {
    this.#fds = fds;
  }

  take(): number | null {
    const [first = null, ...rest] = this.#fds;
    for (const fd of rest) closeFd(fd);
    this.#fds = [];
    return first;
  }

  close(): void {
    const first = this.take();
    if (first !== null) closeFd(first);
  }
}

const EMPTY = new Group([]);

export class SentQueue {
  /** Not yet any command's. */
  #newest = EMPTY;

  arrive(fds: readonly number[]): void {
    this.#newest.close();
    this.#newest = new Group(fds);
  }

  /** What a command that has just come may take. */
  forCommand(): Group {
    const group = this.#newest;
    this.#newest = EMPTY;
    return group;
  }

  /** The command is done: what it has not taken is the next one's, which may have been sent together with it. */
  giveBack(group: Group, next: { sent: Group } | undefined): void {
    if (next !== undefined && next.sent === EMPTY) next.sent = group;
    else if (next === undefined && this.#newest === EMPTY) this.#newest = group;
    else group.close();
  }

  close(): void {
    this.#newest.close();
  }
}

export type SentGroup = Group;
