/**
 * Reads what the ticker guests print, over all generations of a machine: the consoles are one stream, so
 * a line that the source began is ended by the target. A line that does not parse, or whose count
 * does not follow the one before, is something lost or doubled.
 */
import { isWorkLine } from '../guests/linux/disk-lines.js';

export interface TickerLine {
  readonly ticks: number;
  readonly gapMs: number;
  readonly patternIntact: boolean;
}

export interface TickerLog {
  readonly lines: readonly TickerLine[];
  /** Lines of the ticker that are damaged, or whose count does not follow the one before. */
  readonly damaged: readonly string[];
}

const LINE = /^ticker: ticks=(\d+) gap_us=(\d+) max_gap_us=(\d+) pattern=(ok|BAD)$/;
/** A line comes at the first look after so many ticks, so two lines are never two such steps apart. */
const TICKS_PER_LINE = 100;
const FIRST_LINE = 'ticker: start';

/**
 * `consoles`: what each generation's console brought, oldest first. The last, unfinished line is left out, and
 * whole lines of the guest's other programs.
 */
export function readTicker(consoles: readonly string[]): TickerLog {
  const text = consoles.join('');
  const start = text.indexOf(FIRST_LINE);
  if (start < 0) return { lines: [], damaged: [] };
  const lines: TickerLine[] = [];
  const damaged: string[] = [];
  const complete = text.slice(start + FIRST_LINE.length).split('\n');
  for (const raw of complete.slice(1, -1)) {
    const line = raw.replace(/\r$/, '');
    if (isWorkLine(line)) continue;
    const match = LINE.exec(line);
    const ticks = Number(match?.[1]);
    const before = lines.at(-1)?.ticks;
    if (match === null || (before !== undefined && !follows(ticks, before))) damaged.push(line);
    if (match === null) continue;
    lines.push({ ticks, gapMs: Number(match[2]) / 1000, patternIntact: match[4] === 'ok' });
  }
  return { lines, damaged };
}

function follows(ticks: number, before: number): boolean {
  return ticks > before && ticks < before + 2 * TICKS_PER_LINE;
}
