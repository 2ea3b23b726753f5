/** Events between the connection that they come by and whoever takes them: while many wait, no more are read. */

/** What fills it. */
export interface Source {
  pause(): void;
  resume(): void;
}

/** Beyond so many that nobody has taken, no more are read. */
export const MAX_WAITING = 1_000;

export class EventQueue<T> {
  readonly #events: T[] = [];
  #wake: () => void = () => undefined;
  #source: Source | null = null;

  get length(): number {
    return this.#events.length;
  }

  /** From now on; one that comes while many wait has to wait as well. */
  fillFrom(source: Source): void {
    this.#source = source;
    if (this.#events.length >= MAX_WAITING) source.pause();
  }

  push(event: T): void {
    this.#events.push(event);
    if (this.#events.length >= MAX_WAITING) this.#source?.pause();
    this.#wake();
  }

  /** Until `end` comes and nothing waits; rejects as it does, when all that came before was taken. */
  async *drain(end: Promise<void>): AsyncGenerator<T> {
    let isOver = false;
    const over = end.finally(() => {
      isOver = true;
      this.#wake();
    });
    over.catch(() => undefined);
    for (;;) {
      const event = this.#events.shift();
      if (event !== undefined) {
        if (this.#events.length === MAX_WAITING - 1) this.#source?.resume();
        yield event;
      } else if (isOver) {
        return await over;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
