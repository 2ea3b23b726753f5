/**
 * Keys of requests in the store, for a day and up to a number: the oldest go first. Each principal has a number of its
 * own, far below the number of all, so that nobody pushes out the keys of others.
 */
import type { Database, Statement } from 'better-sqlite3';
import { currentKey, type IdempotencyKey, type KeptAnswer, type KeptRequest } from '../idempotency.js';

const KEEP_MS = 24 * 3_600_000;
const KEEP = 10_000;
const KEEP_OF_PRINCIPAL = 1_000;

interface Row {
  readonly fingerprint: string;
  readonly made: string;
  readonly answer: string | null;
}

export class IdempotencyStore {
  readonly #nowMs: () => number;
  readonly #find: Statement<[string, string, number], Row>;
  readonly #begin: Statement<[string, string, string, number]>;
  readonly #addMade: Statement<[string, string, string]>;
  readonly #answer: Statement<[string, string, string]>;
  readonly #free: Statement<[string, string]>;
  readonly #pruneOwn: Statement<{ principal: string; keep: number }>;
  readonly #prune: Statement<[number, number]>;

  constructor(db: Database, nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#find = db.prepare(
      'SELECT * FROM idempotency_keys WHERE principal = ? AND key = ? AND created_at_ms > ?',
    );
    this.#begin = db.prepare(
      `INSERT OR REPLACE INTO idempotency_keys (principal, key, fingerprint, created_at_ms)
       VALUES (?, ?, ?, ?)`,
    );
    this.#addMade = db.prepare(
      `UPDATE idempotency_keys SET made = json_insert(made, '$[#]', ?) WHERE principal = ? AND key = ?`,
    );
    this.#answer = db.prepare('UPDATE idempotency_keys SET answer = ? WHERE principal = ? AND key = ?');
    this.#free = db.prepare(`DELETE FROM idempotency_keys WHERE principal = ? AND key = ? AND made = '[]'`);
    this.#pruneOwn = db.prepare(
      `DELETE FROM idempotency_keys WHERE principal = @principal AND rowid <=
         (SELECT rowid FROM idempotency_keys WHERE principal = @principal
          ORDER BY rowid DESC LIMIT 1 OFFSET @keep)`,
    );
    this.#prune = db.prepare(
      `DELETE FROM idempotency_keys WHERE rowid <=
         (SELECT rowid FROM idempotency_keys ORDER BY rowid DESC LIMIT 1 OFFSET ?)
         OR (rowid = (SELECT min(rowid) FROM idempotency_keys) AND created_at_ms <= ?)`,
    );
  }

  find({ principal, key }: IdempotencyKey): KeptRequest | null {
    const row = this.#find.get(principal, key, this.#nowMs() - KEEP_MS);
    if (row === undefined) return null;
    return {
      fingerprint: row.fingerprint,
      made: JSON.parse(row.made) as string[],
      answer: row.answer === null ? null : (JSON.parse(row.answer) as KeptAnswer),
    };
  }

  /** The request is about to be done. Whatever was kept under the key before is forgotten. */
  begin({ principal, key }: IdempotencyKey, fingerprint: string): void {
    this.#begin.run(principal, key, fingerprint, this.#nowMs());
    this.#pruneOwn.run({ principal, keep: KEEP_OF_PRINCIPAL });
    /* One too old goes with each that comes, so none stays, and none has to wait while many go. */
    this.#prune.run(KEEP, this.#nowMs() - KEEP_MS);
  }

  /** Something came to be for the request at hand. In the transaction that makes it. */
  made(path: string): void {
    const key = currentKey();
    if (key !== null) this.#addMade.run(path, key.principal, key.key);
  }

  answer({ principal, key }: IdempotencyKey, answer: KeptAnswer): void {
    this.#answer.run(JSON.stringify(answer), principal, key);
  }

  /** Nothing came of it. What was made nevertheless stays under the key. */
  free({ principal, key }: IdempotencyKey): void {
    this.#free.run(principal, key);
  }
}
