/**
 * One list of the store, read in pages. The key is an integer that an index gives in order, so a page costs what is on
 * it, however long the list is. Conditions are joined as they are asked for; each such statement is prepared once.
 */
import type { Database, Statement } from 'better-sqlite3';
import type { Page, PageRequest } from '../page.js';

/** Null: not asked for. A list: one of these. */
export type FilterValue = string | number | readonly string[] | null;
type Condition = (name: string, value: FilterValue, isAsked: (other: string) => boolean) => string;

/**
 * One word is looked up by an index; of several the list is walked in its order, as sorting what an index gives for
 * them would read all of it. `narrower`: a condition whose index finds less, and is taken when that is asked for too.
 */
export function oneOf(column: string, narrower?: string): Condition {
  return (name, value, isAsked) => {
    const { length } = value as readonly string[];
    if (length > 1) return `+${column} IN (SELECT value FROM json_each(@${name}))`;
    const unindexed = narrower !== undefined && isAsked(narrower) ? '+' : '';
    return `${unindexed}${column} = @${name}`;
  };
}

/** SQL with the value in it as `@name`. */
export function where(sql: string): Condition {
  return () => sql;
}

function bound(value: FilterValue): string | number | null {
  if (typeof value !== 'object' || value === null) return value;
  return value.length === 1 ? (value[0] as string) : JSON.stringify(value);
}

export interface PagedSelectOptions<Filter> {
  /** `SELECT <key> AS page_key, … FROM …`. */
  readonly select: string;
  readonly key: string;
  readonly newestFirst?: boolean;
  /** Holds for every row of the list. */
  readonly always?: string;
  readonly conditions: Readonly<Record<keyof Filter, Condition>>;
}

export class PagedSelect<Row extends { readonly page_key: number }, Filter extends object> {
  readonly #db: Database;
  readonly #options: PagedSelectOptions<Filter>;
  readonly #prepared = new Map<string, Statement<[object], Row>>();

  constructor(db: Database, options: PagedSelectOptions<Filter>) {
    this.#db = db;
    this.#options = options;
  }

  /** `more`: parameters that the statement has beside those of the conditions. */
  page({ after, limit }: PageRequest, filter: Filter, more: object = {}): Page<Row> {
    const { key, newestFirst = false, always, conditions } = this.#options;
    const asked = (Object.entries(filter) as [keyof Filter & string, FilterValue][]).filter(
      ([, value]) => value !== null,
    );
    const isAsked = (name: string) => asked.some(([other]) => other === name);
    const terms = asked.map(([name, value]) => conditions[name](name, value, isAsked));
    if (always !== undefined) terms.push(always);
    if (after !== null) terms.push(`${key} ${newestFirst ? '<' : '>'} @after`);
    const rows = this.#statement(terms).all({
      ...more,
      ...Object.fromEntries(asked.map(([name, value]) => [name, bound(value)])),
      ...(after === null ? {} : { after }),
      limit: limit + 1,
    });
    const items = rows.slice(0, limit);
    return { items, next: rows.length > limit ? (items.at(-1)?.page_key ?? null) : null };
  }

  #statement(terms: readonly string[]): Statement<[object], Row> {
    const { select, key, newestFirst = false } = this.#options;
    const condition = terms.length === 0 ? '' : `WHERE ${terms.join(' AND ')}`;
    const sql = `${select} ${condition} ORDER BY ${key} ${newestFirst ? 'DESC' : 'ASC'} LIMIT @limit`;
    const known = this.#prepared.get(sql);
    if (known !== undefined) return known;
    const statement = this.#db.prepare<[object], Row>(sql);
    this.#prepared.set(sql, statement);
    return statement;
  }
}
