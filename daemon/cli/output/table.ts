/**
 * Tables that fit the terminal: columns that may be cut are cut, then those that are least needed are left out, then the
 * widest are cut whatever they are. Without a terminal nothing is. Pure.
 */
import { type Colour, type Paint, safe } from './style.js';

export interface Column<T> {
  readonly title: string;
  readonly value: (row: T) => string | number | null | undefined;
  readonly colour?: (row: T) => Colour | null;
  readonly align?: 'right';
  /** Narrower than its texts, where there is no room. */
  readonly canBeCut?: true;
  /** Left out where there is no room; those with the highest number first. */
  readonly leaveOut?: number;
}

export interface Page {
  /** Null: as wide as it needs. */
  readonly columns: number | null;
  readonly paint: Paint;
}

const GAP = 2;
const MIN_CUT_WIDTH = 12;
const MIN_WIDTH = 4;
const NOTHING = '-';

export function renderTable<T>(
  rows: readonly T[],
  columns: readonly Column<T>[],
  { columns: room, paint }: Page,
) {
  const cells = columns.map((column) => ({
    column,
    texts: rows.map((row) => textOf(column.value(row))),
  }));
  const shown = fit(
    cells.map((one) => ({ ...one, width: Math.max(one.column.title.length, ...one.texts.map(widthOf)) })),
    room,
  );
  const line = (texts: readonly string[], colours: readonly (Colour | null)[]) => {
    const padded = texts.map((text, index) => {
      const { column, width } = shown[index] as Shown<T>;
      const cut = cutTo(text, width);
      const isLast = index === shown.length - 1 && column.align === undefined;
      const spaces = isLast ? '' : ' '.repeat(width - widthOf(cut));
      const colour = colours[index];
      const painted = colour ? paint(colour, cut) : cut;
      return column.align === 'right' ? spaces + painted : painted + spaces;
    });
    return padded.join(' '.repeat(GAP)).trimEnd();
  };
  const head = line(
    shown.map(({ column }) => column.title),
    shown.map(() => 'bold'),
  );
  const body = rows.map((row, index) =>
    line(
      shown.map(({ texts }) => texts[index] ?? ''),
      shown.map(({ column }) => column.colour?.(row) ?? null),
    ),
  );
  return [head, ...body];
}

interface Shown<T> {
  readonly column: Column<T>;
  readonly texts: readonly string[];
  readonly width: number;
}

function fit<T>(cells: readonly Shown<T>[], room: number | null): readonly Shown<T>[] {
  if (room === null) return cells;
  let shown = cells;
  for (;;) {
    const excess = shown.reduce((total, { width }) => total + width + GAP, -GAP) - room;
    if (excess <= 0) return shown;
    const least = Math.max(...shown.map(({ column }) => column.leaveOut ?? 0));
    const fitted =
      cutOne(shown, excess, ({ column }) => (column.canBeCut ? MIN_CUT_WIDTH : null)) ??
      (least > 0 ? shown.filter(({ column }) => column.leaveOut !== least) : null) ??
      cutOne(shown, excess, () => MIN_WIDTH);
    if (fitted === null) return shown;
    shown = fitted;
  }
}

/** Takes from the widest that is wider than it must be; null: none is. */
function cutOne<T>(
  shown: readonly Shown<T>[],
  excess: number,
  leastOf: (one: Shown<T>) => number | null,
): readonly Shown<T>[] | null {
  const widths = shown.map((one) => (one.width > (leastOf(one) ?? one.width) ? one.width : 0));
  const widest = Math.max(...widths);
  if (widest === 0) return null;
  const at = widths.indexOf(widest);
  return shown.map((one, index) =>
    index === at ? { ...one, width: Math.max(leastOf(one) ?? 0, widest - excess) } : one,
  );
}

function textOf(value: string | number | null | undefined): string {
  return value === null || value === undefined || value === ''
    ? NOTHING
    : safe(String(value)).replaceAll('\n', ' ');
}

export function widthOf(text: string): number {
  return [...text].length;
}

export function cutTo(text: string, width: number): string {
  return widthOf(text) <= width ? text : `${[...text].slice(0, Math.max(0, width - 1)).join('')}…`;
}

/** Names and what they are, one below the other. */
export function renderCard(
  entries: readonly (readonly [name: string, value: string | null])[],
  { paint }: Page,
) {
  const width = Math.max(...entries.map(([name]) => name.length));
  return entries.flatMap(([name, value]) => {
    const [first = '', ...rest] = (value ?? NOTHING).split('\n');
    const indent = ' '.repeat(width + GAP);
    return [
      `${paint('bold', name)}${indent.slice(name.length)}${first}`,
      ...rest.map((line) => indent + line),
    ];
  });
}
