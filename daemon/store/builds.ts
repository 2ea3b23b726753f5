/** Builds in the store. One that was removed keeps its row, as what ran on it in the past names it. */
import type { Database, Statement } from 'better-sqlite3';
import type { Build, BuildAbilities, BuildKind, FileState } from '../build.js';
import type { Page, PageRequest } from '../page.js';
import { oneOf, PagedSelect } from './paged-select.js';

interface Row {
  readonly id: string;
  readonly kind: BuildKind;
  readonly path: string;
  readonly version: string;
  readonly content_hash: string;
  readonly files: string;
  readonly file_state: FileState;
  readonly file_stamp: string;
  readonly abilities: string;
  readonly added_at_ms: number;
}

function toBuild(row: Row): Build {
  const files = JSON.parse(row.files) as string[];
  return {
    id: row.id,
    kind: row.kind,
    path: row.path,
    version: row.version,
    contentHash: row.content_hash,
    files: files.length === 0 ? [row.path] : files,
    fileState: row.file_state,
    fileStamp: row.file_stamp,
    abilities: JSON.parse(row.abilities) as BuildAbilities,
    addedAtMs: row.added_at_ms,
  };
}

interface BuildFilter {
  /** Null: any. */
  readonly kind: readonly string[] | null;
}

export interface BuildUser {
  /** `running`, `pinned`, `default` or `upgrade`. */
  readonly why: string;
  /** Name of the machine. */
  readonly machine: string;
}

export class BuildStore {
  readonly #nowMs: () => number;
  readonly #insert: Statement<[Record<string, string | number>]>;
  readonly #setFileState: Statement<[FileState, string, string]>;
  readonly #remove: Statement<[number, string]>;
  readonly #byId: Statement<[string], Row>;
  readonly #byContent: Statement<[BuildKind, string, string], Row>;
  readonly #all: Statement<[], Row>;
  readonly #pages: PagedSelect<Row & { readonly page_key: number }, BuildFilter>;
  readonly #usersOf: Statement<[{ id: string }], BuildUser>;

  constructor(db: Database, nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#insert = db.prepare(
      `INSERT INTO builds (id, kind, path, version, content_hash, files, file_stamp, abilities, added_at_ms)
       VALUES (@id, @kind, @path, @version, @contentHash, @files, @fileStamp, @abilities, @addedAtMs)
       ON CONFLICT (id) DO UPDATE SET removed_at_ms = NULL, file_state = 'as-registered',
         files = excluded.files, file_stamp = excluded.file_stamp, abilities = excluded.abilities,
         added_at_ms = excluded.added_at_ms`,
    );
    this.#setFileState = db.prepare('UPDATE builds SET file_state = ?, file_stamp = ? WHERE id = ?');
    this.#remove = db.prepare('UPDATE builds SET removed_at_ms = ? WHERE id = ?');
    this.#byId = db.prepare('SELECT * FROM builds WHERE id = ? AND removed_at_ms IS NULL');
    this.#byContent = db.prepare(
      `SELECT * FROM builds WHERE kind = ? AND path = ? AND content_hash = ? AND removed_at_ms IS NULL`,
    );
    this.#all = db.prepare('SELECT * FROM builds WHERE removed_at_ms IS NULL ORDER BY added_at_ms, rowid');
    this.#pages = new PagedSelect(db, {
      select: 'SELECT rowid AS page_key, * FROM builds',
      key: 'rowid',
      always: 'removed_at_ms IS NULL',
      conditions: { kind: oneOf('kind') },
    });
    this.#usersOf = db.prepare(
      `SELECT 'pinned' AS why, name AS machine FROM machines WHERE builds ->> 'pin' = @id
       UNION ALL SELECT 'default', name FROM machines WHERE builds ->> 'default' = @id
       UNION ALL SELECT 'running', name FROM machines JOIN instances ON machine_id = machines.id
         WHERE build_id = @id AND (instances.state <> 'gone'
           OR (generation = current_generation AND machines.state NOT IN ('stopped', 'crashed')))
       UNION ALL SELECT 'upgrade', name FROM machines JOIN upgrades ON machine_id = machines.id
         WHERE finished_at_ms IS NULL AND @id IN (source_build, target_build)`,
    );
  }

  /** One that was removed and comes back is as new. */
  insert(build: Omit<Build, 'addedAtMs' | 'fileState'>): Build {
    const { files, abilities } = build;
    const texts = { files: JSON.stringify(files), abilities: JSON.stringify(abilities) };
    this.#insert.run({ ...build, ...texts, addedAtMs: this.#nowMs() });
    return this.#existing(build.id);
  }

  setFileState(id: string, fileState: FileState, fileStamp: string): Build {
    this.#setFileState.run(fileState, fileStamp, id);
    return this.#existing(id);
  }

  remove(id: string): void {
    this.#remove.run(this.#nowMs(), id);
  }

  /** Machines that need it; one machine can be named for several reasons. */
  usersOf(id: string): BuildUser[] {
    return this.#usersOf.all({ id });
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

  /** In the order in which they were first registered. */
  page(request: PageRequest, filter: BuildFilter): Page<Build> {
    const { items, next } = this.#pages.page(request, filter);
    return { items: items.map(toBuild), next };
  }

  #existing(id: string): Build {
    const build = this.byId(id);
    if (build === null) throw new Error(`build ${id} is not in the store`);
    return build;
  }
}
