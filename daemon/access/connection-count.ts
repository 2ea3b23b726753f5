/** How many connections there are by key, and no more than so many each. */
import type { Socket } from 'node:net';

export class ConnectionCount {
  readonly #max: number;
  readonly #counts = new Map<string, number>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Counts it until it is closed. False, and destroyed: there are as many as there may be. */
  admit(key: string, socket: Socket): boolean {
    const count = this.#counts.get(key) ?? 0;
    if (count >= this.#max) {
      socket.destroy();
      return false;
    }
    this.#counts.set(key, count + 1);
    socket.once('close', () => this.#leave(key));
    return true;
  }

  #leave(key: string): void {
    const left = (this.#counts.get(key) ?? 1) - 1;
    if (left > 0) this.#counts.set(key, left);
    else this.#counts.delete(key);
  }
}
