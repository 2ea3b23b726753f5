/** Builds in the store. */
import type { Database, Statement } from 'better-sqlite3';
import type { Build, BuildAbilities, BuildKind } from '../build.js';

interface Row {
  readonly id: string;
  readonly kind: BuildKind;
  readonly path: string;
  readonly version: string;
  readonly content_hash: string;
  readonly abilities: string;
  readonly added_at_ms: number;
}

function toBuild(row: Row): Build {
  return {
    id: row.id,
    kind: row.kind,
    path: row.path,
    version: row.version,
    contentHash: row.content_hash,
    abilities: JSON.parse(row.abilities) as BuildAbilities,
    addedAtMs: row.added_at_ms,
  };
}

export class BuildStore {
  readonly #nowMs: () => number;
  readonly #insert: Statement<[string, BuildKind, string, string, string, string, number]>;
  readonly #byId: Statement<[string], Row>;
  readonly #byContent: Statement<[BuildKind, string, string], Row>;
  readonly #all: Statement<[], Row>;

  constructor(db: Database, nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#insert = db.prepare(
      `INSERT INTO builds (id, kind, path, version, content_hash, abilities, added_at_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#byId = db.prepare('SELECT * FROM builds WHERE id = ?');
    this.#byContent = db.prepare('SELECT * FROM builds WHERE kind = ? AND path = ? AND content_hash = ?');
    this.#all = db.prepare('SELECT * FROM builds ORDER BY added_at_ms, rowid');
  }

  insert(build: Omit<Build, 'addedAtMs'>): Build {
    const { id, kind, path, version, contentHash, abilities } = build;
    const addedAtMs = this.#nowMs();
    this.#insert.run(id, kind, path, version, contentHash, JSON.stringify(abilities), addedAtMs);
    return { ...build, addedAtMs };
  }

  byId(id: string): Build | null {
    const row = this.#byId.get(id);
    return row === undefined ? null : toBuild(row);
  }

  byContent(kind: BuildKind, path: string, contentHash: string): Build | null {
    const row = this.#byContent.get(kind, path, contentHash);
    return row === undefined ? null : toBuild(row);
  }

  /** Oldest first. */
  all(): Build[] {
    return this.#all.all().map(toBuild);
  }
}
