/** Lists of the interface: a page at a time, or all of it without the caller seeing pages. */
import type { Page } from './documents.js';
import type { Requests } from './requests.js';

export interface PageQuery {
  readonly limit?: number;
  readonly cursor?: string;
}

/** `member`: the plural under which the items stand. */
export async function page<T>(
  requests: Requests,
  path: string,
  member: string,
  query: object,
): Promise<Page<T>> {
  const document = await requests.json<Record<string, unknown>>({ method: 'GET', path, query });
  return { items: document[member] as T[], next: (document.next as string | undefined) ?? null };
}

/** Follows the cursors; `limit` is that of all together. */
export async function* all<T>(
  ask: (query: PageQuery) => Promise<Page<T>>,
  limit = Infinity,
): AsyncGenerator<T> {
  let left = limit;
  let cursor: string | null = null;
  do {
    const size: PageQuery = left < MAX_PAGE ? { limit: left } : { limit: MAX_PAGE };
    const { items, next }: Page<T> = await ask({ ...size, ...(cursor === null ? {} : { cursor }) });
    yield* items.slice(0, left);
    left -= items.length;
    cursor = next;
  } while (cursor !== null && left > 0);
}

const MAX_PAGE = 1000;

/** All items, collected. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}
