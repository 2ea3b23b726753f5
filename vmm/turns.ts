/** A machine that is asked one thing after the other: what somebody does with it is done before the next begins. */
import type { MachineHandle } from './machine/handle.js';

export class Turns {
  #machine: MachineHandle | null = null;
  #last: Promise<unknown> = Promise.resolve();

  /** It is finished. */
  attach(machine: MachineHandle): void {
    this.#machine = machine;
  }

  /** Null: it is not there yet. */
  get machine(): MachineHandle | null {
    return this.#machine;
  }

  do<T>(act: (machine: MachineHandle) => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => {
      if (this.#machine === null) throw new Error('the machine is not ready');
      return act(this.#machine);
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
