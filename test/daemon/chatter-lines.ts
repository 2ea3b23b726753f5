/** Reads what a chatter guest prints: its numbers must come without a gap or a repetition, its echoes are kept. */
export class ChatterLines {
  #rest = '';
  #last: number | null = null;
  #echoes = '';
  #broken: string | null = null;

  /** What comes next, in pieces of any size; the guest's first line, or a line cut off at its head, may be first. */
  feed(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#line(line);
  }

  /** The newest number. */
  get last(): number {
    return this.#last ?? 0;
  }

  /** Every byte that the guest said to have received. */
  get echoes(): string {
    return this.#echoes;
  }

  /** The first line that was not what must follow; null while there is none. */
  get broken(): string | null {
    return this.#broken;
  }

  #line(line: string): void {
    if (/^>.$/.test(line)) {
      this.#echoes += line[1];
      return;
    }
    const number = /^\d+$/.test(line) ? Number(line) : Number.NaN;
    if (this.#last !== null && number !== this.#last + 1) this.#broken ??= `${line} after ${this.#last}`;
    if (!Number.isNaN(number)) this.#last = number;
  }
}
