/** What a guest says is shown to people and kept: only words that are short, printable and of the right type. Pure. */

const MAX_TEXT_CHARACTERS = 256;

export function textFrom(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  return value.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]/gu, ' ').slice(0, MAX_TEXT_CHARACTERS);
}

/** Not negative, and exact. */
export function countFrom(value: unknown): number | null {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : null;
}
