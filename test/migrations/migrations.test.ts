import { createHash } from 'node:crypto';
import Database from 'better-sqlite3';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BatonError } from '../../daemon/errors.js';
import { INSTANCE_STATES } from '../../daemon/instance.js';
import { DESIRED_POWERS, MACHINE_STATES } from '../../daemon/machine.js';
import { OPERATION_KINDS, OPERATION_STATES } from '../../daemon/operation.js';
import { type Migration, migrate, readMigrations } from '../../daemon/store/migrate.js';
import { UPGRADE_MODES, UPGRADE_STATES } from '../../daemon/upgrade.js';

const MIGRATIONS = readMigrations();
const NOW_MS = 1_000;

/** Rows that a daemon of that time could have written, by the migration that made their table or column. */
const OLD_ROWS: Readonly<Record<string, string>> = {
  '0001-create-builds.sql': `INSERT INTO builds (id, kind, path, version, content_hash, abilities,
    added_at_ms) VALUES ('b1', 'baton', '/b', '1.0', 'abc', '{"modes":[]}', 1)`,
  '0002-create-machines.sql': `INSERT INTO machines (id, name, spec, desired_power, state, state_reason,
    current_generation, created_at_ms, updated_at_ms)
    VALUES ('00000000-0000-4000-8000-000000000001', 'm', '{"build":"b1"}', 'running', 'running', '', 1, 1, 1)`,
  '0003-create-instances.sql': `INSERT INTO instances (machine_id, generation, build_id, sockets_dir, logs_dir,
    state, pid, start_ticks, boot_id, started_at_ms)
    VALUES ('00000000-0000-4000-8000-000000000001', 1, 'b1', '/s', '/l', 'alive', 10, 20, 'boot', 1)`,
  '0004-create-operations.sql': `INSERT INTO operations (id, kind, machine_id, state, created_at_ms)
    VALUES ('o1', 'upgrade', '00000000-0000-4000-8000-000000000001', 'running', 1)`,
  '0005-create-upgrades.sql': `INSERT INTO upgrades (id, machine_id, mode, mode_reason, state,
    source_generation, target_generation, source_build, target_build, was_running, created_at_ms)
    VALUES ('o1', '00000000-0000-4000-8000-000000000001', 'cpr-transfer', '', 'pending', 1, 2, 'b1', 'b1', 1, 1)`,
  '0006-create-events.sql': `INSERT INTO events (type, subject, time_ms, data) VALUES ('t', 's', 1, '{}')`,
  '0007-add-build-files.sql': `UPDATE builds SET files = '["/b"]', removed_at_ms = 1`,
  '0008-add-machine-builds.sql': `UPDATE machines SET builds = '{"default":"b1","pin":"b1","deny":[]}'`,
  '0009-add-restored-generation.sql': 'UPDATE upgrades SET restored_generation = 3',
  '0010-add-saved-state.sql': `UPDATE machines SET state = 'suspended', saved_state = '{}'`,
  '0011-add-upgrade-findings.sql': `UPDATE upgrades SET findings = '[]'`,
  '0012-add-adopted-line.sql': `UPDATE machines SET adopted = '{"args":[],"folder":"/"}'`,
  '0013-add-guest-freeze.sql': `UPDATE machines SET freeze = '{"sinceMs":1,"thawAtMs":2,"upgradeId":null}'`,
  '0014-add-upgrade-guest.sql': `UPDATE upgrades SET guest = '{"notify":true,"freeze":true,"reason":null,"acts":[]}'`,
  '0021-create-audit.sql': 'UPDATE audit_anchor SET seq = 7',
  '0019-create-tokens.sql': `INSERT INTO tokens (id, name, role, secret_hash, created_at_ms, created_by)
    VALUES ('0123456789abcdef', 't', 'viewer', zeroblob(32), 1, 'unix:root')`,
  '0015-add-requester.sql': `UPDATE operations SET requester = '{"name":"a","via":"unix","role":"admin"}'`,
  '0016-index-lists.sql': `UPDATE operations SET kind = 'upgrade'`,
  '0017-add-machine-revision.sql': `UPDATE machines SET revision = 2, labels = '{"env":"test"}'`,
  '0018-create-idempotency-keys.sql': `INSERT INTO idempotency_keys (principal, key, fingerprint, created_at_ms)
    VALUES ('unix:a', 'k', 'f', 1)`,
  '0020-add-before-shutdown.sql': `UPDATE machines SET before_shutdown = 'running'`,
};

function schemaOf(db: Database.Database): unknown[] {
  return db.prepare('SELECT type, name, sql FROM sqlite_schema ORDER BY type, name').all();
}

function migration(name: string, sql: string): Migration {
  return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
}

/** Applies the first `count`, each row written when its time had come. */
function grow(db: Database.Database, count: number): void {
  for (const [index, { name }] of MIGRATIONS.slice(0, count).entries()) {
    migrate(db, MIGRATIONS.slice(0, index + 1), NOW_MS);
    db.exec(OLD_ROWS[name] ?? '');
  }
}

const test = suite('migrations');

test('names are numbered without gaps', () => {
  MIGRATIONS.forEach(({ name }, index) => {
    assert.is(Number(name.slice(0, 4)), index + 1);
  });
});

for (const [index, { name }] of MIGRATIONS.entries()) {
  test(`${name} keeps the rows that were there before`, () => {
    const db = new Database(':memory:');
    grow(db, index);
    assert.equal(migrate(db, MIGRATIONS.slice(0, index + 1), NOW_MS), [name]);
    assert.type(OLD_ROWS[name], 'string', 'add a row of the new table, or a use of the new column, here');
    db.exec(OLD_ROWS[name] ?? '');
    for (const earlier of MIGRATIONS.slice(0, index + 1)) {
      const table = /(?:INTO|UPDATE) (\w+)/.exec(OLD_ROWS[earlier.name] ?? '')?.[1];
      assert.is(db.prepare(`SELECT count(*) FROM ${table}`).pluck().get(), 1);
    }
    db.close();
  });
}

test("the build that stood in a machine's document is its default", () => {
  const db = new Database(':memory:');
  migrate(db, MIGRATIONS.slice(0, 7), NOW_MS);
  db.exec(OLD_ROWS['0002-create-machines.sql'] ?? '');
  migrate(db, MIGRATIONS, NOW_MS);
  const builds = db.prepare('SELECT builds FROM machines').pluck().get() as string;
  assert.equal(JSON.parse(builds), { default: 'b1', pin: null, deny: [] });
  db.close();
});

test('what refers to a table that was made anew refers to the new one', () => {
  const db = new Database(':memory:');
  grow(db, 5);
  migrate(db, MIGRATIONS, NOW_MS);
  db.exec('DELETE FROM machines; DELETE FROM operations');
  assert.is(db.prepare('SELECT count(*) FROM instances').pluck().get(), 0);
  assert.is(db.prepare('SELECT count(*) FROM upgrades').pluck().get(), 0);
  db.close();
});

test('a suspended machine has a saved state', () => {
  const db = new Database(':memory:');
  grow(db, 2);
  migrate(db, MIGRATIONS, NOW_MS);
  assert.throws(() => db.exec("UPDATE machines SET state = 'suspended'"), /CHECK constraint failed/);
  db.close();
});

test('a fresh database has the schema of one that grew step by step', () => {
  const fresh = new Database(':memory:');
  migrate(fresh, MIGRATIONS, NOW_MS);
  const grown = new Database(':memory:');
  for (let count = 1; count <= MIGRATIONS.length; count += 1) {
    migrate(grown, MIGRATIONS.slice(0, count), NOW_MS);
  }
  assert.equal(schemaOf(grown), schemaOf(fresh));
  assert.equal(migrate(fresh, MIGRATIONS, NOW_MS), []);
});

test('CHECK constraints list exactly the words of the TypeScript unions', () => {
  const db = new Database(':memory:');
  migrate(db, MIGRATIONS, NOW_MS);
  const definition = db.prepare<[string], string>('SELECT sql FROM sqlite_schema WHERE name = ?').pluck();
  const listed = (table: string, column: string): string[] => {
    const words = new RegExp(`\\b${column} IN \\(([^)]*)\\)`).exec(definition.get(table) ?? '')?.[1] ?? '';
    return [...words.matchAll(/'([^']+)'/g)].map((match) => match[1] ?? '').sort();
  };
  assert.equal(listed('machines', 'desired_power'), [...DESIRED_POWERS].sort());
  assert.equal(listed('machines', 'state'), [...MACHINE_STATES].sort());
  assert.equal(listed('instances', 'state'), [...INSTANCE_STATES].sort());
  assert.equal(listed('operations', 'state'), [...OPERATION_STATES].sort());
  assert.equal(listed('operations', 'kind'), [...OPERATION_KINDS].sort());
  assert.equal(listed('upgrades', 'state'), [...UPGRADE_STATES].sort());
  assert.equal(listed('upgrades', 'mode'), [...UPGRADE_MODES].sort());
});

test('a migration that was changed after its release is refused', () => {
  const db = new Database(':memory:');
  migrate(db, [migration('0001-create-a.sql', 'CREATE TABLE a (x) ')], NOW_MS);
  const changed = [migration('0001-create-a.sql', 'CREATE TABLE a (y) ')];
  assert.throws(() => migrate(db, changed, NOW_MS), /released migrations must never change/);
});

test('a database of a newer daemon is refused by name', () => {
  const db = new Database(':memory:');
  const newer = [
    migration('0001-create-a.sql', 'CREATE TABLE a (x)'),
    migration('0002-add-b.sql', 'SELECT 1'),
  ];
  migrate(db, newer, NOW_MS);
  assert.throws(
    () => migrate(db, newer.slice(0, 1), NOW_MS),
    (error: unknown) =>
      error instanceof BatonError &&
      error.code === 'store_failed' &&
      /newer daemon.*0002-add-b/.test(error.message),
  );
});

test('when one of several fails none is applied', () => {
  const db = new Database(':memory:');
  const bad = [
    migration('0001-create-a.sql', 'CREATE TABLE a (x)'),
    migration('0002-break-all.sql', 'NONSENSE'),
  ];
  assert.throws(() => migrate(db, bad, NOW_MS), /syntax error/);
  assert.equal(schemaOf(db), []);
  assert.is(db.pragma('foreign_keys', { simple: true }), 1);
});

test('a migration that leaves broken references is rolled back', () => {
  const db = new Database(':memory:');
  const sql =
    'CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (a INTEGER REFERENCES a (id)); INSERT INTO b VALUES (7)';
  assert.throws(() => migrate(db, [migration('0001-create-ab.sql', sql)], NOW_MS), /broken references/);
  assert.equal(schemaOf(db), []);
});

test.run();
