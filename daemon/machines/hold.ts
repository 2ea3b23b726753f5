/**
 * A machine's turn for work that is no operation, such as a look at its VMM. Operations come first: one that is
 * about to begin has such work told to end, and waits until it has.
 */
export class MachineHold {
  #held: { readonly abort: AbortController; readonly ended: Promise<void> } | null = null;

  /** In turn with others of its kind. Null, with nothing done, when `isBusy` says that an operation is under way. */
  async run<T>(isBusy: () => boolean, work: (signal: AbortSignal) => Promise<T>): Promise<T | null> {
    while (this.#held !== null) await this.#held.ended;
    if (isBusy()) return null;
    const abort = new AbortController();
    const working = work(abort.signal);
    const nothing = () => undefined;
    const held = { abort, ended: working.then(nothing, nothing) };
    this.#held = held;
    try {
      return await working;
    } finally {
      if (this.#held === held) this.#held = null;
    }
  }

  /** Resolves when nobody holds the machine. */
  async takeBack(): Promise<void> {
    const held = this.#held;
    held?.abort.abort(new Error('an operation on the machine is about to begin'));
    await held?.ended;
  }
}
