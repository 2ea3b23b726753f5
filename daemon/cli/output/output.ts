/** Where a command prints: results on stdout, everything about them on stderr. */
import type { Writable } from 'node:stream';
import { LiveBlock } from './live-block.js';
import { type Colour, colourOf, type Paint, painter } from './style.js';
import { type Column, type Page, renderCard, renderTable } from './table.js';

export interface Stream extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface OutputOptions {
  readonly stdout: Stream;
  readonly stderr: Stream;
  readonly isColoured: (stream: Stream) => boolean;
  readonly nowMs: () => number;
}

const DEFAULT_COLUMNS = 80;

export class Output {
  readonly stdout: Stream;
  readonly stderr: Stream;
  readonly nowMs: () => number;
  readonly paint: Paint;
  readonly #paintError: Paint;

  constructor({ stdout, stderr, isColoured, nowMs }: OutputOptions) {
    this.stdout = stdout;
    this.stderr = stderr;
    this.nowMs = nowMs;
    this.paint = painter(isColoured(stdout));
    this.#paintError = painter(isColoured(stderr));
  }

  get isTerminal(): boolean {
    return this.stdout.isTTY === true;
  }

  get page(): Page {
    const columns = this.isTerminal ? this.stdout.columns || DEFAULT_COLUMNS : null;
    return { columns, paint: this.paint };
  }

  line(text = ''): void {
    this.stdout.write(`${text}\n`);
  }

  lines(texts: readonly string[]): void {
    if (texts.length > 0) this.stdout.write(`${texts.join('\n')}\n`);
  }

  state(state: string): string {
    const colour = colourOf(state);
    return colour === null ? state : this.paint(colour, state);
  }

  /** `empty`: said on stderr when there is nothing, so that stdout stays a table. */
  table<T>(rows: readonly T[], columns: readonly Column<T>[], empty: string): void {
    if (rows.length === 0) this.note(empty);
    else this.lines(renderTable(rows, columns, this.page));
  }

  card(entries: readonly (readonly [string, string | null])[]): void {
    this.lines(renderCard(entries, this.page));
  }

  json(document: unknown): void {
    this.line(JSON.stringify(document, null, this.isTerminal ? 2 : undefined));
  }

  /** Something about what is done; not its result. */
  note(text: string, colour: Colour = 'dim'): void {
    this.stderr.write(`${this.#paintError(colour, text)}\n`);
  }

  error(text: string): void {
    this.stderr.write(`${this.#paintError('red', 'baton:')} ${text}\n`);
  }

  /** Lines that are written over again and again; on a terminal only. */
  block(): LiveBlock {
    return new LiveBlock(this.stdout, () => this.stdout.columns || DEFAULT_COLUMNS);
  }
}
