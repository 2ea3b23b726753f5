/**
 * Which events somebody wants: by type, where `*` at the end stands for whatever follows, and by machine. An empty
 * list means all. Words that no type has are refused rather than never matched. Pure.
 */
import { BatonError } from './errors.js';
import { EVENT_TYPES } from './event-types.js';

export interface EventFilter {
  readonly types: readonly string[];
  /** Ids. */
  readonly machines: readonly string[];
  /** Ids of the machines that the reader may know of at all, and then of nothing else; null: everything. */
  readonly visible: readonly string[] | null;
}

export interface Described {
  readonly type: string;
  readonly subject: string;
}

export type Matches = (event: Described) => boolean;

/** Each is a test per event and subscriber. */
const MAX_WORDS = 64;

/** From a query: repeated, with commas, or both. */
export function wordsOf(value: string | readonly string[] | undefined): string[] {
  const words = [value ?? []].flat().flatMap((text) => text.split(','));
  if (words.length > MAX_WORDS) {
    throw new BatonError(
      'invalid_request',
      `expected at most ${MAX_WORDS} words in a filter, got ${words.length}`,
    );
  }
  return words.map((word) => word.trim()).filter((word) => word !== '');
}

function fits(word: string, type: string): boolean {
  return word.endsWith('*') ? type.startsWith(word.slice(0, -1)) : type === word;
}

export function requireKnownTypes(words: readonly string[]): void {
  const unknown = words.find((word) => !EVENT_TYPES.some((type) => fits(word, type)));
  if (unknown === undefined) return;
  throw new BatonError(
    'invalid_request',
    `expected the type of an event, maybe with * at its end, got ${unknown}: there are ${EVENT_TYPES.join(', ')}`,
  );
}

/** Null: everything is wanted. */
export function matcher({ types, machines, visible }: EventFilter): Matches | null {
  if (types.length === 0 && machines.length === 0 && visible === null) return null;
  const asked = machines.length === 0 ? visible : machines.filter((id) => visible?.includes(id) ?? true);
  const subjects = asked === null ? null : new Set(asked.map((id) => `machines/${id}`));
  const wanted = new Set(EVENT_TYPES.filter((type) => types.some((word) => fits(word, type))) as string[]);
  return ({ type, subject }) => (types.length === 0 || wanted.has(type)) && (subjects?.has(subject) ?? true);
}
