/** The audit: what is told, what of it is bounded, and that no entry can be changed, removed or moved unseen. */
import { createHash } from 'node:crypto';
import Database from 'better-sqlite3';
import { pino } from 'pino';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type AuditEntry, auditHash } from '../../../daemon/access/audit.js';
import { AuditLog } from '../../../daemon/access/audit-log.js';
import type { App } from '../../../daemon/app.js';
import { DEFAULT_HARDWARE } from '../../../daemon/hardware.js';
import { ANY_BUILD, DEFAULT_HOST_POLICY } from '../../../daemon/machine.js';
import { Store } from '../../../daemon/store/store.js';
import { waitFor } from '../../helpers/wait.js';
import { call, type Folders, makeFolders, startApp, tearDown } from '../fixture.js';

interface Context {
  folders: Folders;
  app: App;
}

const test = suite<Context>('audit');
const SILENT = pino({ level: 'silent' });

test.before.each(async (context) => {
  context.folders = await makeFolders();
  context.app = await startApp(context.folders, { ownBuild: null });
});

test.after.each(({ folders, app }) => tearDown(folders, app));

async function entries(app: App, query = ''): Promise<AuditEntry[]> {
  return (await call(app, 'GET', `/v1/audit?limit=1000&order=oldest${query}`)).body.entries;
}

async function tokenOf(app: App, role: string): Promise<{ id: string; token: string }> {
  return (await call(app, 'POST', '/v1/tokens', { name: role, role })).body;
}

/** What somebody does who can write the database, and has the daemon not look. */
function tamper({ folders }: Context, sql: string): void {
  const db = new Database(`${folders.stateDir}/batond.sqlite`);
  db.exec(sql);
  db.close();
}

const ENTRY = {
  requester: 'unix:alice',
  role: 'admin',
  credential: null,
  origin: 'uid 1000',
  method: 'POST',
  route: '/v1/machines/:machine/start',
  subject: '/v1/machines/m/start',
  status: 202,
} as const;

function fill({ access: { audit } }: App, count: number): void {
  for (let n = 0; n < count; n += 1) audit.record(ENTRY);
}

test('each change is told: who, by what, what, of what, and how it ended; reads are not', async ({ app }) => {
  const { id, token } = await tokenOf(app, 'operator');
  await call(app, 'GET', '/v1/machines');
  const headers = { authorization: `Bearer ${token}` };
  await app.server.inject({ method: 'POST', url: '/v1/machines/none/start?wait=1s', headers });
  await app.server.inject({ method: 'DELETE', url: '/v1/builds/none', headers });
  const [created, started, removed, ...more] = await entries(app);
  assert.equal(more, []);
  assert.equal(
    [created?.requester, created?.method, created?.route, created?.status, created?.origin],
    ['daemon:inject', 'POST', '/v1/tokens', 201, 'process'],
  );
  const { time, hash, previousHash, ...told } = started as AuditEntry;
  assert.equal(told, {
    seq: 2,
    requester: 'token:operator',
    role: 'operator',
    credential: id,
    origin: 'process',
    method: 'POST',
    route: '/v1/machines/:machine/start',
    subject: '/v1/machines/none/start',
    status: 404,
    count: 1,
  });
  assert.ok(Math.abs(Date.now() - Date.parse(time)) < 60_000);
  assert.is(previousHash, created?.hash);
  assert.match(hash, /^[0-9a-f]{64}$/);
  assert.is(removed?.status, 403);
  assert.equal(
    (await entries(app, '&requester=token:operator')).map(({ seq }) => seq),
    [2, 3],
  );
});

test('a read that is refused is told; who cannot fill it: the many are counted in one more entry', async ({
  app,
}) => {
  const headers = { authorization: 'Bearer baton_0123456789abcdef_wrong' };
  for (let n = 0; n < 50; n += 1) await app.server.inject({ url: `/v1/machines/m${n}`, headers });
  for (let n = 0; n < 20; n += 1) await app.server.inject({ method: 'POST', url: '/v1/builds', headers });
  const told = await entries(app);
  assert.equal(
    told.map(({ requester, status, count }) => [requester, status, count]),
    [
      ['unknown', 401, 1],
      ['unknown', 401, 1],
    ],
  );
  app.access.audit.flush();
  const [, , reads, writes, ...more] = await entries(app);
  assert.equal([reads?.count, writes?.count, more.length], [49, 19, 0]);
  assert.is(reads?.subject, '/v1/machines/m49');
});

test('as many kinds of refusals as one likes are a bounded number of entries', async ({ app }) => {
  const { audit } = app.access;
  const refusal = {
    role: null,
    credential: null,
    origin: '203.0.113.1',
    method: 'GET',
    subject: '/x',
    status: 401,
  };
  for (let n = 0; n < 1_500; n += 1) audit.record({ ...refusal, requester: `unknown${n}`, route: 'none' });
  audit.flush();
  const { length } = await entries(app);
  assert.is(length, 1_000);
  const newest = (await call(app, 'GET', '/v1/audit?limit=1')).body.entries[0];
  assert.equal([newest.requester, newest.origin, newest.count, newest.seq], ['many', 'many', 500, 1_001]);
});

test('it is whole as it is written, and its hashes can be reckoned by anybody', async ({ app }) => {
  fill(app, 5);
  const { body } = await call(app, 'GET', '/v1/audit/verify');
  const all = await entries(app);
  assert.equal([body.isWhole, body.flaw, body.entries], [true, null, 5]);
  assert.equal(body.head, { seq: 5, hash: all[4]?.hash });
  let previous = '0'.repeat(64);
  for (const { hash, ...content } of all) {
    const order = [
      'seq',
      'time',
      'requester',
      'role',
      'credential',
      'origin',
      'method',
      'route',
      'subject',
      'status',
      'count',
      'previousHash',
    ];
    const text = JSON.stringify(order.map((name) => content[name as keyof typeof content]));
    assert.is(hash, createHash('sha256').update(text).digest('hex'));
    assert.is(content.previousHash, previous);
    previous = hash;
  }
});

const FLAWS: Readonly<Record<string, readonly [string, RegExp]>> = {
  'a changed requester': [`UPDATE audit SET requester = 'unix:mallory' WHERE seq = 3`, /entry 3 was changed/],
  'a changed time': [
    `UPDATE audit SET time = '2020-01-01T00:00:00.000Z' WHERE seq = 2`,
    /entry 2 was changed/,
  ],
  'a changed status of the newest': ['UPDATE audit SET status = 200 WHERE seq = 5', /entry 5 was changed/],
  'a changed hash': [`UPDATE audit SET hash = '${'a'.repeat(64)}' WHERE seq = 3`, /entry 3 was changed/],
  'one removed': ['DELETE FROM audit WHERE seq = 3', /1 entries before 4 are missing/],
  'the first removed': ['DELETE FROM audit WHERE seq = 1', /1 entries before 2 are missing/],
  'the newest removed': ['DELETE FROM audit WHERE seq > 3', /entries 4 to 5 at the end are missing/],
  'all removed': ['DELETE FROM audit', /entries 1 to 5 at the end are missing/],
  'two that changed places': [
    'UPDATE audit SET seq = 99 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 99',
    /entry 2 was changed/,
  ],
  'the newest removed, and the counter set back': [
    `DELETE FROM audit WHERE seq > 3; UPDATE sqlite_sequence SET seq = 3 WHERE name = 'audit'`,
    /entry 5 is not what this daemon wrote/,
  ],
};

for (const [what, [sql, complaint]] of Object.entries(FLAWS)) {
  test(`${what} is found`, async (context) => {
    const { app } = context;
    fill(app, 5);
    tamper(context, sql);
    const { body } = await call(app, 'GET', '/v1/audit/verify');
    assert.is(body.isWhole, false);
    assert.match(body.flaw, complaint);
    /* And stays found, whatever is written after. */
    await call(app, 'POST', '/v1/tokens', { name: 'after', role: 'viewer' });
    assert.is((await call(app, 'GET', '/v1/audit/verify')).body.isWhole, false);
  });
}

test('one that was changed, its own hash reckoned anew, is not what the next one follows', async (context) => {
  fill(context.app, 5);
  const [, , third] = await entries(context.app);
  const hash = auditHash({ ...(third as AuditEntry), requester: 'unix:mallory' });
  tamper(context, `UPDATE audit SET requester = 'unix:mallory', hash = '${hash}' WHERE seq = 3`);
  const { body } = await call(context.app, 'GET', '/v1/audit/verify');
  assert.is(body.isWhole, false);
  assert.is(body.flaw, 'entry 4 does not follow entry 3');
});

test('one that was written anew, hashes and all, is found by a head that was noted', async (context) => {
  const { app } = context;
  fill(app, 4);
  const { head } = (await call(app, 'GET', '/v1/audit/verify')).body;
  const noted = `/v1/audit/verify?head=${head.seq}:${head.hash}`;
  assert.is((await call(app, 'GET', noted)).body.isWhole, true);
  await app.close(1_000);
  tamper(context, `DELETE FROM audit WHERE seq > 2; UPDATE sqlite_sequence SET seq = 2 WHERE name = 'audit'`);
  const next = await startApp(context.folders, { ownBuild: null });
  try {
    /* The next daemon takes what it finds for what there was. */
    assert.is((await call(next, 'GET', '/v1/audit/verify')).body.isWhole, true);
    const missing = await call(next, 'GET', noted);
    assert.match(missing.body.flaw, /entry 4, which was noted, is missing/);
    fill(next, 3);
    const other = await call(next, 'GET', noted);
    assert.match(other.body.flaw, /entry 4 is not what was noted/);
  } finally {
    await next.close(1_000);
  }
});

test('old entries go, the rest is whole on what they left; a flaw is found there too', async ({
  folders,
}) => {
  const path = `${folders.path}/pruned.sqlite`;
  const store = new Store({ path, nowMs: Date.now, keepAudit: 300 });
  const audit = new AuditLog(store, SILENT);
  for (let n = 0; n < 600; n += 1) audit.record(ENTRY);
  const verdict = await audit.verify(null);
  assert.equal([verdict.isWhole, verdict.anchor.seq, verdict.entries], [true, 212, 388]);
  const gone = await audit.verify({ seq: 5, hash: 'b'.repeat(64) });
  assert.is(gone.isWhole, true);
  const db = new Database(path);
  db.exec('DELETE FROM audit WHERE seq = 213');
  db.close();
  assert.match(String((await audit.verify(null)).flaw), /1 entries before 214 are missing/);
  store.close();
});

test('it is taken elsewhere as JSON lines, from a number on', async ({ app }) => {
  fill(app, 1_001);
  const ask = (query: string) =>
    app.server.inject({ url: `/v1/audit${query}`, headers: { accept: 'application/x-ndjson' } });
  const response = await ask('');
  assert.is(response.headers['content-type'], 'application/x-ndjson');
  const lines = response.body
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as AuditEntry);
  assert.is(lines.length, 1_001);
  assert.equal(lines.slice(0, 1_000), await entries(app));
  const rest = await ask('?after=1000');
  assert.equal(
    rest.body
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).seq),
    [1_001],
  );
});

test('a console that is opened is told of, though it is a read', async ({ app }) => {
  const id = '00000000-0000-4000-8000-000000000001';
  const spec = { ...DEFAULT_HARDWARE, ...DEFAULT_HOST_POLICY, memoryMiB: 32, vcpus: 1, kernel: '/k' };
  const none = { initrd: null, commandLine: null, firmware: null };
  const { store } = app.services;
  store.durably(() =>
    store.machines.insert({ id, name: 'm', labels: {}, spec: { ...spec, ...none }, builds: ANY_BUILD }),
  );
  await app.server.ready();
  const socket = await app.server.injectWS('/v1/machines/m/console');
  const [entry] = await waitFor(
    async () => {
      const told = await entries(app);
      return told.length > 0 ? told : null;
    },
    { what: 'the entry' },
  );
  assert.equal([entry?.method, entry?.route, entry?.status], ['GET', '/v1/machines/:machine/console', 101]);
  socket.terminate();
});

test('pages go on behind one another, newest first', async ({ app }) => {
  fill(app, 5);
  const first = (await call(app, 'GET', '/v1/audit?limit=2')).body;
  const second = (await call(app, 'GET', `/v1/audit?limit=2&cursor=${first.next}`)).body;
  const numbers = [...first.entries, ...second.entries].map(({ seq }: AuditEntry) => seq);
  assert.equal(numbers, [5, 4, 3, 2]);
});

test('a full disk does not stop what was asked; the log says that it was not told', async ({ app }) => {
  const { store } = app.services;
  store.limitPages(store.pageCount);
  const refusal = await app.server.inject({ url: '/v1/machines', headers: { authorization: 'Bearer x' } });
  assert.is(refusal.statusCode, 401);
  assert.is((await call(app, 'POST', '/v1/machines/none/start')).status, 404);
  store.limitPages(1_000_000);
  await call(app, 'POST', '/v1/tokens', { name: 'later', role: 'viewer' });
  assert.is((await call(app, 'GET', '/v1/audit/verify')).body.isWhole, true);
});

test.run();
