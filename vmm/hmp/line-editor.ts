/**
 * The line that a person types at the human monitor: echo, editing, history, completion. Bytes in, bytes out,
 * no I/O of its own. It draws as QEMU's does, so that programs which talk to that monitor through its echo
 * understand this one: after each change the cursor goes back to where the line began, and the line is
 * written anew with what is behind it erased.
 */

export interface LineEditorEvents {
  /** What the terminal has to be sent. */
  output(text: string): void;
  /** A finished line, without its end. */
  line(text: string): void;
  /** What a line that begins so can go on with; the last word of each is whole. */
  complete(text: string): readonly string[];
}

/** A line longer than this is no command: what is typed beyond it is dropped. */
const MAX_LINE_CHARACTERS = 4095;
const MAX_HISTORY = 64;
const ESC = '\x1b';
const BACK = `${ESC}[D`;
const ERASE_TO_END = `${ESC}[K`;

const control = (letter: string) => String.fromCharCode(letter.charCodeAt(0) - 0x40);

export class LineEditor {
  readonly #events: LineEditorEvents;
  readonly #history: string[] = [];
  #historyAt = 0;
  #line = '';
  #cursor = 0;
  /** Where the cursor of the terminal is. */
  #drawnCursor = 0;
  /** An escape sequence that has begun; null: none. */
  #escape: string | null = null;

  constructor(events: LineEditorEvents) {
    this.#events = events;
  }

  feed(text: string): void {
    for (const character of text) this.#key(character);
  }

  /** The line is asked for anew, by a prompt. */
  restart(): void {
    this.#line = '';
    this.#cursor = 0;
    this.#drawnCursor = 0;
    this.#historyAt = this.#history.length;
  }

  #key(character: string): void {
    if (this.#escape !== null) {
      this.#inEscape(character);
      return;
    }
    const edit = EDITS[character];
    if (character === ESC) this.#escape = '';
    else if (character === '\r' || character === '\n') this.#enter();
    else if (character === '\t') this.#complete();
    else if (edit !== undefined) this.#apply(edit);
    else if (character >= ' ') this.#insert(character);
  }

  /** `ESC [ digits letter`, or `ESC letter`. */
  #inEscape(character: string): void {
    const sequence = this.#escape + character;
    this.#escape = /^\[?[0-9;]*$/.test(sequence) && sequence.length < 8 ? sequence : null;
    if (this.#escape !== null) return;
    if (sequence === '[A') this.#recall(-1);
    else if (sequence === '[B') this.#recall(1);
    else {
      const edit = ESCAPES[sequence];
      if (edit !== undefined) this.#apply(edit);
    }
  }

  #insert(text: string): void {
    if (this.#line.length + text.length > MAX_LINE_CHARACTERS) return;
    this.#apply(({ line, cursor }) => ({
      line: line.slice(0, cursor) + text + line.slice(cursor),
      cursor: cursor + text.length,
    }));
  }

  #apply(edit: Edit): void {
    const before = { line: this.#line, cursor: this.#cursor };
    const after = edit(before);
    this.#line = after.line;
    this.#cursor = after.cursor;
    const isSame = after.line === before.line && after.cursor === before.cursor;
    if (!isSame) this.#draw();
  }

  #draw(): void {
    const behind = this.#line.length - this.#cursor;
    this.#events.output(BACK.repeat(this.#drawnCursor) + this.#line + ERASE_TO_END + BACK.repeat(behind));
    this.#drawnCursor = this.#cursor;
  }

  #enter(): void {
    const line = this.#line;
    this.#events.output('\r\n');
    if (line !== '' && this.#history.at(-1) !== line) this.#history.push(line);
    if (this.#history.length > MAX_HISTORY) this.#history.shift();
    this.restart();
    this.#events.line(line);
  }

  #recall(step: -1 | 1): void {
    const at = this.#historyAt + step;
    if (at < 0 || at > this.#history.length) return;
    this.#historyAt = at;
    const line = this.#history[at] ?? '';
    this.#apply(() => ({ line, cursor: line.length }));
  }

  #complete(): void {
    if (this.#cursor !== this.#line.length) return;
    const candidates = this.#events.complete(this.#line);
    const common = commonStart(candidates);
    if (common.length > this.#line.length) {
      const text = candidates.length === 1 ? `${common} ` : common;
      this.#insert(text.slice(this.#line.length));
    } else if (candidates.length > 1) {
      const words = candidates.map((candidate) => candidate.slice(candidate.lastIndexOf(' ') + 1));
      this.#events.output(`\r\n${words.join(' ')}\r\n(qemu) `);
      this.#drawnCursor = 0;
      this.#draw();
    }
  }
}

interface Line {
  readonly line: string;
  readonly cursor: number;
}
type Edit = (line: Line) => Line;

const left: Edit = ({ line, cursor }) => ({ line, cursor: Math.max(0, cursor - 1) });
const right: Edit = ({ line, cursor }) => ({ line, cursor: Math.min(line.length, cursor + 1) });
const home: Edit = ({ line }) => ({ line, cursor: 0 });
const end: Edit = ({ line }) => ({ line, cursor: line.length });
const backspace: Edit = ({ line, cursor }) => ({
  line: line.slice(0, Math.max(0, cursor - 1)) + line.slice(cursor),
  cursor: Math.max(0, cursor - 1),
});
const remove: Edit = ({ line, cursor }) => ({ line: line.slice(0, cursor) + line.slice(cursor + 1), cursor });
const killToEnd: Edit = ({ line, cursor }) => ({ line: line.slice(0, cursor), cursor });
const killToStart: Edit = ({ line, cursor }) => ({ line: line.slice(cursor), cursor: 0 });
const killWord: Edit = ({ line, cursor }) => {
  const kept = line.slice(0, cursor).replace(/\S+\s*$/, '');
  return { line: kept + line.slice(cursor), cursor: kept.length };
};

const EDITS: Readonly<Record<string, Edit>> = {
  [control('A')]: home,
  [control('B')]: left,
  [control('D')]: remove,
  [control('E')]: end,
  [control('F')]: right,
  [control('H')]: backspace,
  [control('K')]: killToEnd,
  [control('U')]: killToStart,
  [control('W')]: killWord,
  '\x7f': backspace,
};

/** By what follows ESC. */
const ESCAPES: Readonly<Record<string, Edit>> = {
  '[C': right,
  '[D': left,
  '[H': home,
  '[F': end,
  '[1~': home,
  '[3~': remove,
  '[4~': end,
};

function commonStart(texts: readonly string[]): string {
  let common = texts[0] ?? '';
  for (const text of texts) while (!text.startsWith(common)) common = common.slice(0, -1);
  return common;
}
