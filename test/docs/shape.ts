/**
 * Whether what commands print has the shape that a page shows. Numbers, ids, times and the room between columns are
 * whatever they are; a line that is `…` stands for any lines, `…` in a line for any text.
 */
const ID = 'ID';
const SHAPES: readonly (readonly [RegExp, string])[] = [
  [/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, ID],
  [/\b\d{4}-\d\d-\d\d[T ][\d:.]+Z?/g, 'TIME'],
  [/\b(?=[0-9a-f]*\d)[0-9a-f]{8,64}\b/g, ID],
  [/\b(now|\d+ (s|min|h|d) ago)/g, 'WHEN'],
  [/\d+(\.\d+)*/g, '#'],
  [/# (ms|s|µs)\b/g, '# T'],
  [/[─-]{3,}/g, '---'],
  [/[ \t]+/g, ' '],
];

function shapeOf(line: string): string {
  return SHAPES.reduce((text, [pattern, by]) => text.replace(pattern, by), line).trim();
}

function lineMatches(expected: string, actual: string): boolean {
  const parts = shapeOf(expected).split('…');
  const pattern = parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*');
  return new RegExp(`^${pattern}$`).test(shapeOf(actual));
}

/** Null: it has. Otherwise the line that is not there. */
export function missingLine(expected: string, actual: string): string | null {
  const lines = actual.split('\n').filter((line) => line.trim() !== '');
  let at = 0;
  let isFree = false;
  for (const want of expected.split('\n').filter((line) => line.trim() !== '')) {
    if (want.trim() === '…') {
      isFree = true;
      continue;
    }
    const found = lines.findIndex((line, index) => index >= at && lineMatches(want, line));
    if (found < 0 || (!isFree && found !== at)) return want;
    at = found + 1;
    isFree = false;
  }
  return isFree || at === lines.length ? null : `nothing more, got: ${lines[at]}`;
}
