/** When a reload is done, what it puts into effect, and which changes have to wait for a restart. */
import type { Config } from '../config.js';

/** Members that a running daemon can take over. */
const RELOADABLE: readonly (keyof Config)[] = ['logLevel'];

/** Names of the members that differ and that only a restart puts into effect. */
export function waitingForRestart(running: Config, read: Config): string[] {
  return Object.entries(read)
    .filter(([name]) => !RELOADABLE.includes(name as keyof Config))
    .filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(running[name as keyof Config]))
    .map(([name]) => name);
}

/** One that is asked for before it can be done is done as soon as it can. */
export class Reloads {
  #perform: (() => void) | null = null;
  #isAsked = false;

  ask(): void {
    if (this.#perform === null) this.#isAsked = true;
    else this.#perform();
  }

  /** From now on this is how. */
  perform(how: () => void): void {
    this.#perform = how;
    if (this.#isAsked) how();
    this.#isAsked = false;
  }
}
