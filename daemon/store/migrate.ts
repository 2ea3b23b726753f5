/**
 * Brings a database to the schema of this daemon. Migrations are `NNNN-verb-object.sql`, append only; what was
 * applied is recorded with a checksum, and a database whose history differs from ours (a file changed or
 * missing, or a newer daemon's database) is refused before anything is touched. All that are pending run in
 * one transaction.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Database } from 'better-sqlite3';
import { BatonError } from '../errors.js';

export interface Migration {
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

/** From dist/daemon/store/ to the migrations folder of the installation. */
export const MIGRATIONS_DIR = fileURLToPath(new URL('../../../migrations/', import.meta.url));

const FILE_NAME = /^(\d{4})-[a-z0-9]+(-[a-z0-9]+)+\.sql$/;

export function readMigrations(dir: string = MIGRATIONS_DIR): Migration[] {
  const names = readdirSync(dir)
    .filter((name) => name.endsWith('.sql'))
    .sort();
  return names.map((name, index) => {
    const number = FILE_NAME.exec(name)?.[1];
    if (Number(number) !== index + 1) {
      throw new Error(`expected migration ${index + 1} as NNNN-verb-object.sql in ${dir}, got ${name}`);
    }
    const sql = readFileSync(`${dir}/${name}`, 'utf8');
    return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
  });
}

interface AppliedRow {
  readonly name: string;
  readonly checksum: string;
}

function checkHistory(applied: readonly AppliedRow[], known: readonly Migration[]): void {
  applied.forEach((row, index) => {
    const migration = known[index];
    if (migration === undefined) {
      throw new BatonError(
        'store_failed',
        `the store was written by a newer daemon: it has migration ${row.name}, this daemon ends at ${known.at(-1)?.name}; start the newer daemon`,
      );
    }
    if (migration.name !== row.name || migration.checksum !== row.checksum) {
      throw new BatonError(
        'store_failed',
        `the store has migration ${row.name} (${row.checksum.slice(0, 8)}), this daemon ${migration.name} (${migration.checksum.slice(0, 8)}): released migrations must never change`,
      );
    }
  });
}

/** Returns the names of the migrations that were applied now. Foreign keys are off while they run. */
export function migrate(db: Database, migrations: readonly Migration[], nowMs: number): string[] {
  db.pragma('foreign_keys = OFF');
  try {
    const run = db.transaction(() => {
      db.exec(`CREATE TABLE IF NOT EXISTS migrations (
        name TEXT PRIMARY KEY NOT NULL, checksum TEXT NOT NULL, applied_at_ms INTEGER NOT NULL
      ) STRICT`);
      const applied = db.prepare<[], AppliedRow>('SELECT name, checksum FROM migrations ORDER BY name').all();
      checkHistory(applied, migrations);
      const record = db.prepare('INSERT INTO migrations (name, checksum, applied_at_ms) VALUES (?, ?, ?)');
      const pending = migrations.slice(applied.length);
      for (const { name, sql, checksum } of pending) {
        db.exec(sql);
        record.run(name, checksum, nowMs);
      }
      const broken = db.pragma('foreign_key_check') as unknown[];
      if (broken.length > 0) throw new Error(`migrations left ${broken.length} rows with broken references`);
      return pending.map(({ name }) => name);
    });
    return run.immediate();
  } finally {
    db.pragma('foreign_keys = ON');
  }
}
