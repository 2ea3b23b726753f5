/**
 * Beginning and end of the process: what has to be undone when it ends, in whatever way it does, and the
 * one way out. Everything that is undone gets one try within a deadline; then the process exits.
 */

/** Longer than all single deadlines of what is undone (a machine's chardevs get five seconds). */
const END_DEADLINE_MS = 8000;

export interface ProcessEnds {
  exit(code: number): never;
  stderr(line: string): void;
}

export class ProcessLife {
  readonly #ends: ProcessEnds;
  readonly #undo: (() => void | Promise<void>)[] = [];
  #isEnding = false;
  #onSignal: () => void = () => this.end(0);

  constructor(ends: ProcessEnds) {
    this.#ends = ends;
  }

  /** Registers what to undo at the end; last in, first out. Undone at once when the end has begun. */
  atEnd(undo: () => void | Promise<void>): void {
    if (this.#isEnding) this.#try(undo);
    else this.#undo.push(undo);
  }

  /** What a signal to end does from now on; before, it ends the process at once. */
  onSignal(act: () => void): void {
    this.#onSignal = act;
  }

  signal(): void {
    this.#onSignal();
  }

  /** One line on stderr. */
  report(message: string): void {
    this.#ends.stderr(`baton-vmm: ${message.replaceAll('\n', ' ')}`);
  }

  /** Undoes everything and exits; the first caller decides the code. */
  async end(exitCode: number): Promise<void> {
    if (this.#isEnding) return;
    this.#isEnding = true;
    setTimeout(() => this.#ends.exit(exitCode), END_DEADLINE_MS).unref();
    for (const undo of this.#undo.reverse()) await this.#try(undo);
    this.#ends.exit(exitCode);
  }

  async #try(undo: () => void | Promise<void>): Promise<void> {
    try {
      await undo();
    } catch (error) {
      this.report(`while ending: ${(error as Error).message}`);
    }
  }

  /** Reports the reason and ends with code 1. */
  fail(message: string): Promise<void> {
    if (!this.#isEnding) this.report(message);
    return this.end(1);
  }
}
