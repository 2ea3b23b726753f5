/**
 * Waiting for the end of operations. Any number may wait; each does until the operation has ended, its own time is over,
 * its signal is aborted, or the daemon stops, whichever is first, and then looks for itself.
 */
import type { EventHistory, StoredEvent } from '../event.js';
import type { Operation } from '../operation.js';

interface Operations {
  byId(id: string): Operation | null;
}

export class OperationEnds {
  readonly #operations: Operations;
  readonly #waiting = new Map<string, Set<() => void>>();
  #isReleased = false;

  constructor(history: EventHistory & { readonly operations: Operations }) {
    this.#operations = history.operations;
    history.onEvents((events) => this.#hear(events));
  }

  async wait(id: string, deadlineMs: number, signal: AbortSignal): Promise<void> {
    if (this.#isReleased || signal.aborted || this.#operations.byId(id)?.state !== 'running') return;
    const waiting = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, waiting);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => end(), deadlineMs);
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        waiting.delete(end);
        if (waiting.size === 0) this.#waiting.delete(id);
        /* What ended it has still a few words to say in this turn. */
        setImmediate(resolve);
      };
      waiting.add(end);
      signal.addEventListener('abort', end);
    });
  }

  /** Nobody waits any more, from now on. */
  release(): void {
    this.#isReleased = true;
    for (const waiting of [...this.#waiting.values()]) for (const end of [...waiting]) end();
  }

  #hear(events: readonly StoredEvent[]): void {
    if (this.#waiting.size === 0) return;
    for (const { type, data } of events) {
      if (type !== 'baton.operation.finished') continue;
      for (const end of [...(this.#waiting.get(String(data.operation)) ?? [])]) end();
    }
  }
}
