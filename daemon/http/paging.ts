/**
 * Lists in pages, the same way for every resource: `?limit=&cursor=`, answered with the list, `next` (the cursor of
 * what follows, or null), and a `Link` header to it. A cursor says behind which item to go on, so nothing is
 * left out or told twice when items come and go meanwhile. It belongs to its list and is refused by every other.
 */
import type { FastifyReply } from 'fastify';
import { type TProperties, type TSchema, Type } from 'typebox';
import { BatonError } from '../errors.js';
import type { Page, PageRequest } from '../page.js';
import { strict, textOrNull } from './schema-words.js';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;

type ListName = 'machines' | 'instances' | 'builds' | 'operations' | 'upgrades' | 'tokens' | 'entries';

export function pageQuery<P extends TProperties>(filters: P) {
  return Type.Object(
    {
      ...filters,
      limit: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: MAX_LIMIT,
          default: DEFAULT_LIMIT,
          description: 'At most this many',
        }),
      ),
      cursor: Type.Optional(
        Type.String({
          pattern: '^[A-Za-z0-9_-]{1,64}$',
          description: 'Go on from here: `next` of the page before, as it was given',
        }),
      ),
    },
    strict,
  );
}

export function pageOf<N extends ListName, T extends TSchema>(name: N, items: T) {
  return Type.Object({
    [name]: Type.Array(items),
    next: textOrNull('Cursor of what follows; null: nothing does'),
  } as Record<N, ReturnType<typeof Type.Array<T>>> & { next: ReturnType<typeof textOrNull> });
}

/** One of the words, or several with commas in between. */
export function wordList(words: readonly string[], description: string) {
  const word = `(${words.join('|')})`;
  return Type.Optional(
    Type.String({
      pattern: `^${word}(,${word})*$`,
      maxLength: 512,
      description: `${description}; several with commas: ${words.join(', ')}`,
    }),
  );
}

export function listed(words: string | undefined): string[] | null {
  return words === undefined ? null : [...new Set(words.split(','))];
}

export function pageAsked(name: ListName, query: { limit?: number; cursor?: string }): PageRequest {
  const { limit = DEFAULT_LIMIT, cursor } = query;
  return { limit, after: cursor === undefined ? null : keyOf(name, cursor) };
}

/** What `pageOf` describes. The request's own path and filters are in the link to the next page. */
export function pageAnswer<N extends ListName, T, V>(
  name: N,
  reply: FastifyReply,
  { items, next }: Page<T>,
  view: (item: T) => V,
): Record<N, V[]> & { next: string | null } {
  const cursor = next === null ? null : cursorOf(name, next);
  if (cursor !== null) reply.header('link', `<${withCursor(reply.request.url, cursor)}>; rel="next"`);
  return { [name]: items.map(view), next: cursor } as Record<N, V[]> & { next: string | null };
}

function withCursor(url: string, cursor: string): string {
  const { pathname, searchParams } = new URL(url, 'http://baton');
  searchParams.set('cursor', cursor);
  return `${pathname}?${searchParams}`;
}

function cursorOf(name: ListName, key: number): string {
  return Buffer.from(`${name}:${key}`).toString('base64url');
}

function keyOf(name: ListName, cursor: string): number {
  const [, list, key] = /^([a-z]+):([0-9]{1,15})$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (list !== name || key === undefined) {
    const message = `expected as cursor what another page of this list gave as next, got ${cursor}: begin without one`;
    throw new BatonError('invalid_request', message);
  }
  return Number(key);
}
