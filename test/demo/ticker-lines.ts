/**
 * Reads what the ticker guests print, over all generations of a machine: the consoles are one stream, so
 * a line that the source began is ended by the target. Counts never go back, and a line that does not
 * parse is a console byte lost or doubled.
 */

export interface TickerLine {
  readonly ticks: number;
  readonly gapMs: number;
  readonly patternIntact: boolean;
}

export interface TickerLog {
  readonly lines: readonly TickerLine[];
  /** Lines of the ticker that are damaged, or whose count is not above the one before. */
  readonly damaged: readonly string[];
}

const LINE = /^ticker: ticks=(\d+) gap_us=(\d+) max_gap_us=(\d+) pattern=(ok|BAD)$/;
const FIRST_LINE = 'ticker: start';

/** `consoles`: what each generation's console brought, oldest first. The last, unfinished line is left out. */
export function readTicker(consoles: readonly string[]): TickerLog {
  const text = consoles.join('');
  const start = text.indexOf(FIRST_LINE);
  if (start < 0) return { lines: [], damaged: [] };
  const lines: TickerLine[] = [];
  const damaged: string[] = [];
  const complete = text.slice(start + FIRST_LINE.length).split('\n');
  for (const raw of complete.slice(1, -1)) {
    const line = raw.replace(/\r$/, '');
    const match = LINE.exec(line);
    const ticks = Number(match?.[1]);
    if (match === null || ticks <= (lines.at(-1)?.ticks ?? 0)) {
      damaged.push(line);
      continue;
    }
    lines.push({ ticks, gapMs: Number(match[2]) / 1000, patternIntact: match[4] === 'ok' });
  }
  return { lines, damaged };
}
