/** Some lines of a terminal that are written anew in place. No line is longer than the terminal is wide. */
import type { Writable } from 'node:stream';

const UP = (count: number) => `\x1b[${count}A`;
const CLEAR_BELOW = '\x1b[0J';
const WRAP_OFF = '\x1b[?7l';
const WRAP_ON = '\x1b[?7h';

export class LiveBlock {
  readonly #terminal: Writable;
  readonly #columns: () => number;
  #drawn = 0;
  #last = '';

  constructor(terminal: Writable, columns: () => number) {
    this.#terminal = terminal;
    this.#columns = columns;
  }

  /** Lines may carry colours: the terminal itself cuts what is too long. */
  draw(lines: readonly string[]): void {
    const text = lines.join('\n');
    const key = `${this.#columns()}\n${text}`;
    if (key === this.#last) return;
    this.#last = key;
    const back = this.#drawn === 0 ? '' : `\r${UP(this.#drawn)}`;
    this.#terminal.write(`${back}${CLEAR_BELOW}${WRAP_OFF}${text}${WRAP_ON}\n`);
    this.#drawn = lines.length;
  }

  clear(): void {
    if (this.#drawn > 0) this.#terminal.write(`\r${UP(this.#drawn)}${CLEAR_BELOW}`);
    this.#drawn = 0;
    this.#last = '';
  }
}
