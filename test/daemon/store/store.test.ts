import { writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BatonError } from '../../../daemon/errors.js';
import type { StoredEvent } from '../../../daemon/event.js';
import { DEFAULT_HARDWARE } from '../../../daemon/hardware.js';
import { ANY_BUILD, DEFAULT_HOST_POLICY } from '../../../daemon/machine.js';
import { Store } from '../../../daemon/store/store.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';

const MACHINE = '00000000-0000-4000-8000-000000000001';
const SPEC = {
  ...DEFAULT_HARDWARE,
  ...DEFAULT_HOST_POLICY,
  memoryMiB: 64,
  vcpus: 1,
  kernel: '/k',
  initrd: null,
  commandLine: null,
  firmware: null,
};
const EVENT = { type: 'baton.machine.created', subject: 'machines/x', data: { name: 'm' } } as const;

interface Context {
  dir: TempDir;
  path: string;
  store: Store;
}

const test = suite<Context>('store');

test.before.each(async (context) => {
  context.dir = await tempDir();
  context.path = `${context.dir.path}/s.sqlite`;
  context.store = new Store({ path: context.path, nowMs: () => 1_000 });
});

test.after.each(async ({ dir, store }) => {
  store.close();
  await dir.remove();
});

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof BatonError && error.code === code;
}

test('what was written durably is there after reopening', ({ path, store }) => {
  store.durably(() => store.machines.insert({ id: MACHINE, name: 'a', spec: SPEC, builds: ANY_BUILD }));
  store.close();
  const again = new Store({ path, nowMs: () => 2_000 });
  assert.equal(again.machines.byName('a')?.spec, SPEC);
  again.close();
});

test('a document of before a member was known has its default', ({ path, store }) => {
  store.durably(() => store.machines.insert({ id: MACHINE, name: 'a', spec: SPEC, builds: ANY_BUILD }));
  const { display, extraArguments, nics, ...older } = SPEC;
  const db = new Database(path);
  db.prepare('UPDATE machines SET spec = ?').run(JSON.stringify(older));
  db.close();
  assert.equal(store.machines.byName('a')?.spec, { ...SPEC, display, extraArguments, nics });
  assert.equal([display, extraArguments, nics], [null, [], []]);
});

test('durable writes sync, quick ones do not', ({ path, store }) => {
  const settings: unknown[] = [];
  const probe = new Database(path);
  probe.close();
  const levelOf = (write: <T>(work: () => T) => T) =>
    write(() => {
      store.machines.byId('x');
      settings.push(store.synchronousLevel);
    });
  levelOf((work) => store.durably(work));
  levelOf((work) => store.quickly(work));
  levelOf((work) => store.durably(work));
  assert.equal(settings, [2, 0, 2]);
});

test('events come after the commit, in order, and not at all when it fails', ({ store }) => {
  const heard: StoredEvent[] = [];
  store.onEvents((events) => heard.push(...events));
  store.durably(() => {
    store.emit(EVENT);
    store.emit(EVENT);
    assert.is(heard.length, 0);
  });
  assert.throws(() =>
    store.durably(() => {
      store.emit(EVENT);
      throw new Error('no');
    }),
  );
  store.quickly(() => store.emit(EVENT));
  assert.equal(
    heard.map(({ seq }) => seq),
    [1, 2, 3],
  );
  assert.equal(
    store.events.after(0, 10).map(({ seq }) => seq),
    [1, 2, 3],
  );
});

test('an event cannot be written without what it reports', ({ store }) => {
  assert.throws(() => store.emit(EVENT), /must be written with what it reports/);
});

test('old events go, sequence numbers never come again', ({ path, store }) => {
  store.close();
  const small = new Store({ path, nowMs: () => 1, keepEvents: 3 });
  small.durably(() => {
    for (let n = 0; n < 10; n += 1) small.emit(EVENT);
  });
  small.durably(() => small.events.prune());
  assert.equal(small.events.range(), { first: 8, last: 10 });
  small.close();
  const none = new Store({ path, nowMs: () => 1, keepEvents: 0 });
  none.durably(() => none.events.prune());
  assert.equal(none.events.range(), { first: 11, last: 10 });
  none.durably(() => none.emit(EVENT));
  assert.equal(none.events.range(), { first: 11, last: 11 });
  none.close();
});

test('finished operations are kept up to a number, running ones always', ({ path, store }) => {
  store.durably(() => {
    for (let n = 0; n < 6; n += 1)
      store.operations.insert({ id: `o${n}`, kind: 'start', machineId: MACHINE });
    for (const n of [1, 2, 3, 4, 5]) store.operations.finish(`o${n}`, 'succeeded', null);
  });
  store.close();
  const again = new Store({ path, nowMs: () => 1, keepOperations: 2 });
  assert.equal(
    again.operations
      .page({ after: null, limit: 10 }, { machine: null, state: null, kind: null, visible: null })
      .items.map(({ id }) => id),
    ['o5', 'o4', 'o0'],
  );
  again.close();
});

test('a full disk is an error that says so, and nothing is half written', ({ store }) => {
  store.limitPages(store.pageCount);
  const fill = () =>
    store.durably(() => {
      for (let n = 0; n < 1_000; n += 1) store.emit({ ...EVENT, data: { name: 'x'.repeat(1_000) } });
    });
  assert.throws(fill, hasCode('store_full'));
  assert.is(store.events.range().last, 0);
  store.limitPages(1_000_000);
  fill();
  assert.is(store.events.range().last, 1_000);
});

test('a database locked by somebody else is an error that says so', ({ path, store }) => {
  const other = new Database(path);
  other.exec('BEGIN IMMEDIATE');
  assert.throws(() => store.durably(() => store.emit(EVENT)), hasCode('store_busy'));
  other.exec('ROLLBACK');
  other.close();
  store.durably(() => store.emit(EVENT));
  assert.is(store.events.range().last, 1);
});

test('a file that is no database is refused with its path', ({ dir }) => {
  const path = `${dir.path}/bad.sqlite`;
  writeFileSync(path, 'this is no database at all, not at all'.repeat(100));
  assert.throws(
    () => new Store({ path, nowMs: () => 1 }),
    (error: unknown) => hasCode('store_corrupt')(error) && (error as Error).message.includes(path),
  );
});

test('a folder that does not exist is refused', ({ dir }) => {
  assert.throws(
    () => new Store({ path: `${dir.path}/none/s.sqlite`, nowMs: () => 1 }),
    /directory does not exist/,
  );
});

test('the end of an instance that was recorded first stays', ({ store }) => {
  store.durably(() => {
    store.machines.insert({ id: MACHINE, name: 'a', spec: SPEC, builds: ANY_BUILD });
    store.builds.insert({
      id: 'b',
      kind: 'baton',
      path: '/b',
      version: '1',
      contentHash: 'h',
      files: ['/b'],
      fileStamp: '',
      abilities: { modes: [] },
    });
    store.instances.insert({
      machineId: MACHINE,
      generation: 1,
      buildId: 'b',
      socketsDir: '/s',
      logsDir: '/l',
    });
    const end = { exitCode: 1, exitSignal: null, reason: 'first' };
    assert.is(store.instances.setGone(MACHINE, 1, end), true);
    assert.is(store.instances.setGone(MACHINE, 1, { ...end, reason: 'second' }), false);
  });
  assert.is(store.instances.byGeneration(MACHINE, 1)?.endReason, 'first');
  assert.is(store.instances.nextGeneration(MACHINE), 2);
});

test('deleting a machine takes its instances along and leaves its operations', ({ store }) => {
  store.durably(() => {
    store.machines.insert({ id: MACHINE, name: 'a', spec: SPEC, builds: ANY_BUILD });
    store.builds.insert({
      id: 'b',
      kind: 'baton',
      path: '/b',
      version: '1',
      contentHash: 'h',
      files: ['/b'],
      fileStamp: '',
      abilities: { modes: [] },
    });
    store.instances.insert({
      machineId: MACHINE,
      generation: 1,
      buildId: 'b',
      socketsDir: '/s',
      logsDir: '/l',
    });
    store.operations.insert({ id: 'o', kind: 'start', machineId: MACHINE });
    store.machines.delete(MACHINE);
  });
  assert.is(store.instances.byGeneration(MACHINE, 1), null);
  assert.is(store.operations.byId('o')?.machineId, MACHINE);
});

test.run();
