/** The audit in the store: appended to at the end, removed from at the front, and changed nowhere. */
import type { Database, Statement } from 'better-sqlite3';
import { type AuditEntry, type AuditLink, auditHash, type NewAuditEntry } from '../access/audit.js';
import type { Role } from '../access/principal.js';
import type { Page, PageRequest } from '../page.js';
import { type FilterValue, PagedSelect, where } from './paged-select.js';

interface Row {
  readonly page_key: number;
  readonly seq: number;
  readonly time: string;
  readonly requester: string;
  readonly role: Role | null;
  readonly credential: string | null;
  readonly origin: string;
  readonly method: string;
  readonly route: string;
  readonly subject: string;
  readonly status: number;
  readonly count: number;
  readonly previous_hash: string;
  readonly hash: string;
}

export interface AuditFilter {
  readonly requester: string | null;
}

type Pages = PagedSelect<Row, Record<keyof AuditFilter, FilterValue>>;

function toEntry({ page_key: _key, previous_hash: previousHash, ...row }: Row): AuditEntry {
  return { ...row, previousHash };
}

export class AuditStore {
  readonly #keep: number;
  readonly #nowMs: () => number;
  readonly #insert: Statement<[object]>;
  readonly #last: Statement<[], AuditLink>;
  readonly #at: Statement<[number], AuditLink>;
  readonly #written: Statement<[], { seq: number }>;
  readonly #anchor: Statement<[], AuditLink>;
  readonly #setAnchor: Statement<[object]>;
  readonly #remove: Statement<[number]>;
  readonly #after: Statement<[number, number, number], Row>;
  readonly #oldestFirst: Pages;
  readonly #newestFirst: Pages;

  constructor(db: Database, nowMs: () => number, keep: number) {
    this.#nowMs = nowMs;
    this.#keep = keep;
    this.#insert = db.prepare(
      `INSERT INTO audit (seq, time, requester, role, credential, origin, method, route, subject, status, count,
         previous_hash, hash)
       VALUES (@seq, @time, @requester, @role, @credential, @origin, @method, @route, @subject, @status, @count,
         @previousHash, @hash)`,
    );
    this.#last = db.prepare('SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1');
    this.#at = db.prepare('SELECT seq, hash FROM audit WHERE seq = ?');
    this.#written = db.prepare(`SELECT seq FROM sqlite_sequence WHERE name = 'audit'`);
    this.#anchor = db.prepare('SELECT seq, hash FROM audit_anchor');
    this.#setAnchor = db.prepare('UPDATE audit_anchor SET seq = @seq, hash = @hash');
    this.#remove = db.prepare('DELETE FROM audit WHERE seq <= ?');
    const select = 'SELECT audit.seq AS page_key, audit.* FROM audit';
    this.#after = db.prepare(`${select} WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?`);
    const conditions = { requester: where('requester = @requester') };
    this.#oldestFirst = new PagedSelect(db, { select, key: 'audit.seq', conditions });
    this.#newestFirst = new PagedSelect(db, { select, key: 'audit.seq', newestFirst: true, conditions });
  }

  /** Inside a transaction. `head`: what it is to stand on. */
  append(entry: NewAuditEntry, head: AuditLink): AuditEntry {
    const seq = Math.max(this.written(), head.seq) + 1;
    const time = new Date(this.#nowMs()).toISOString();
    const content = { ...entry, seq, time, previousHash: head.hash };
    const complete = { ...content, hash: auditHash(content) };
    this.#insert.run(complete);
    return complete;
  }

  /** The last one there is, or what it would stand on. */
  head(): AuditLink {
    return this.#last.get() ?? this.anchor();
  }

  at(seq: number): AuditLink | null {
    return this.#at.get(seq) ?? null;
  }

  /** What the first entry that is kept stands on. */
  anchor(): AuditLink {
    const anchor = this.#anchor.get();
    if (anchor === undefined) throw new Error('the audit has lost its anchor');
    return anchor;
  }

  /** The number of the last entry that was ever written. */
  written(): number {
    return this.#written.get()?.seq ?? 0;
  }

  /** Oldest first; `last` is the newest that is looked at. */
  after(seq: number, last: number, limit: number): AuditEntry[] {
    return this.#after.all(seq, last, limit).map(toEntry);
  }

  page(request: PageRequest, filter: AuditFilter, newestFirst: boolean): Page<AuditEntry> {
    const { items, next } = (newestFirst ? this.#newestFirst : this.#oldestFirst).page(request, filter);
    return { items: items.map(toEntry), next };
  }

  /** Inside a transaction. Keeps the newest, and what they stand on. */
  prune(): void {
    const last = this.at(this.head().seq - this.#keep);
    if (last === null) return;
    this.#setAnchor.run(last);
    this.#remove.run(last.seq);
  }
}
