/** Tokens in the store: the hashes of their secrets, never the secrets. */
import type { Database, Statement } from 'better-sqlite3';
import type { Role } from '../access/principal.js';
import type { StoredToken, Token } from '../access/token.js';
import type { Page, PageRequest } from '../page.js';
import { type FilterValue, PagedSelect } from './paged-select.js';

interface Row {
  readonly page_key: number;
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly machines: string | null;
  readonly secret_hash: Uint8Array;
  readonly created_at_ms: number;
  readonly created_by: string;
  readonly expires_at_ms: number | null;
  readonly last_used_at_ms: number | null;
}

function toToken(row: Row): StoredToken {
  return {
    id: row.id,
    name: row.name,
    role: row.role,
    machines: row.machines === null ? null : (JSON.parse(row.machines) as string[]),
    secretHash: row.secret_hash,
    createdAtMs: row.created_at_ms,
    createdBy: row.created_by,
    expiresAtMs: row.expires_at_ms,
    lastUsedAtMs: row.last_used_at_ms,
  };
}

export class TokenStore {
  readonly #insert: Statement<unknown[]>;
  readonly #delete: Statement<[string]>;
  readonly #setLastUsed: Statement<[number, string]>;
  readonly #byId: Statement<[string], Row>;
  readonly #byName: Statement<[string], Row>;
  readonly #count: Statement<[], { count: number }>;
  readonly #pages: PagedSelect<Row, Record<never, FilterValue>>;

  constructor(db: Database) {
    this.#insert = db.prepare(
      `INSERT INTO tokens (id, name, role, machines, secret_hash, created_at_ms, created_by, expires_at_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#delete = db.prepare('DELETE FROM tokens WHERE id = ?');
    this.#setLastUsed = db.prepare('UPDATE tokens SET last_used_at_ms = ? WHERE id = ?');
    const select = 'SELECT tokens.rowid AS page_key, tokens.* FROM tokens';
    this.#byId = db.prepare(`${select} WHERE id = ?`);
    this.#byName = db.prepare(`${select} WHERE name = ?`);
    this.#count = db.prepare('SELECT count(*) AS count FROM tokens');
    this.#pages = new PagedSelect(db, { select, key: 'tokens.rowid', conditions: {} });
  }

  insert(token: Omit<StoredToken, 'lastUsedAtMs'>): void {
    this.#insert.run(
      token.id,
      token.name,
      token.role,
      token.machines === null ? null : JSON.stringify(token.machines),
      token.secretHash,
      token.createdAtMs,
      token.createdBy,
      token.expiresAtMs,
    );
  }

  delete(id: string): void {
    this.#delete.run(id);
  }

  setLastUsed(id: string, lastUsedAtMs: number): void {
    this.#setLastUsed.run(lastUsedAtMs, id);
  }

  byId(id: string): StoredToken | null {
    const row = this.#byId.get(id);
    return row === undefined ? null : toToken(row);
  }

  byName(name: string): Token | null {
    const row = this.#byName.get(name);
    return row === undefined ? null : toToken(row);
  }

  count(): number {
    return this.#count.get()?.count ?? 0;
  }

  /** Oldest first. */
  page(request: PageRequest): Page<Token> {
    const { items, next } = this.#pages.page(request, {});
    return { items: items.map(toToken), next };
  }
}
