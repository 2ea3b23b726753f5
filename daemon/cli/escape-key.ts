/** The key that leaves a console, as people write it: `^]`. Pure. */
import { usageError } from './exit-codes.js';

export const DEFAULT_ESCAPE = '^]';

/** The byte that the key sends; null: none, nothing leaves the console. */
export function escapeByte(text: string): number | null {
  if (text === 'none') return null;
  const [, key] = /^\^([@-_a-z?])$/.exec(text) ?? [];
  if (key === undefined)
    throw usageError(`expected --escape to be a key such as ^], ^A or none, got ${text}`);
  return key === '?' ? 0x7f : key.toUpperCase().charCodeAt(0) & 0x1f;
}

/** What is typed before the escape, and whether it was. */
export function untilEscape(
  typed: Buffer,
  key: number | null,
): { readonly text: Buffer; readonly left: boolean } {
  const at = key === null ? -1 : typed.indexOf(key);
  return at < 0 ? { text: typed, left: false } : { text: typed.subarray(0, at), left: true };
}
