/** A text as the words that a POSIX shell would make of it, without any expansion. Pure. */
import { QmpError } from '../qmp/error.js';

export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quote: string | null = null;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] as string;
    const isEscape = character === '\\' && quote !== "'" && at + 1 < text.length;
    if (isEscape) {
      at += 1;
      word = (word ?? '') + text[at];
    } else if (quote !== null) {
      if (character === quote) quote = null;
      else word += character;
    } else if (character === '"' || character === "'") {
      quote = character;
      word ??= '';
    } else if (/\s/.test(character)) {
      if (word !== null) words.push(word);
      word = null;
    } else {
      word = (word ?? '') + character;
    }
  }
  if (quote !== null) throw new QmpError(`a quote ${quote} is not closed in: ${text}`);
  if (word !== null) words.push(word);
  return words;
}
