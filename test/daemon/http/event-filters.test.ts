/** Events of some types and machines only: in the list and in both streams. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import { waitFor } from '../../helpers/wait.js';
import { type EventReader, EventSourceReader, WebSocketReader } from '../event-readers.js';
import { call, createMachine, type Folders, makeFolders, startApp, tearDown } from '../fixture.js';

interface Context {
  folders: Folders;
  app: App;
  socketPath: string;
  machine: string;
}

const test = suite<Context>('filters of events');

test.before.each(async (context) => {
  context.folders = await makeFolders();
  context.app = await startApp(context.folders, { eventLimits: { heartbeatMs: 50 } });
  context.socketPath = `${context.folders.path}/api.sock`;
  await context.app.server.listen({ path: context.socketPath });
  context.machine = await createMachine(context.app, context.folders, 'web1');
});

test.after.each(({ folders, app }) => tearDown(folders, app));

const OPEN: Record<string, (path: string, query: string) => Promise<EventReader>> = {
  websocket: (path, query) => WebSocketReader.open(path, query),
  'server-sent events': (path, query) => EventSourceReader.open(path, query),
};

function emit({ app }: Context, subject: string, count: number): void {
  const { store } = app.services;
  store.durably(() => {
    for (let n = 0; n < count; n += 1) {
      store.emit({ type: 'baton.machine.changed', subject, data: { name: 'x' } });
    }
  });
}

async function typesOf({ app }: Context, query: string): Promise<string[]> {
  const { status, body } = await call(app, 'GET', `/v1/events?${query}`);
  assert.is(status, 200, JSON.stringify(body));
  return body.events.map(({ type }: { type: string }) => type);
}

test('the list takes types, prefixes of them, and machines by id or name', async (context) => {
  emit(context, 'machines/other', 2);
  const changed = 'baton.machine.changed';
  const created = 'baton.machine.created';
  assert.equal(await typesOf(context, 'type=baton.machine.created'), [created]);
  assert.equal(await typesOf(context, 'type=baton.machine.*'), [created, changed, changed]);
  assert.equal(await typesOf(context, 'type=baton.build.*,baton.machine.created'), [
    'baton.build.added',
    created,
  ]);
  assert.equal(await typesOf(context, 'type=baton.build.*&type=baton.machine.created'), [
    'baton.build.added',
    created,
  ]);
  assert.equal(await typesOf(context, 'machine=web1'), [created]);
  assert.equal(await typesOf(context, `machine=${context.machine}&type=baton.operation.*`), []);
});

test('a type that there is not, and a machine that there is not, are refused', async ({ app }) => {
  const { status, body } = await call(app, 'GET', '/v1/events?type=baton.machine.craeted');
  assert.is(status, 400);
  assert.match(body.detail, /got baton\.machine\.craeted: there are .*baton\.machine\.created/);
  assert.is((await call(app, 'GET', '/v1/events?machine=nobody')).body.code, 'machine_not_found');
  const many = Array.from({ length: 65 }, () => 'baton.*').join(',');
  assert.is((await call(app, 'GET', `/v1/events?type=${many}`)).status, 400);
});

test('the history of a machine that is no more is found by its id', async (context) => {
  await call(context.app, 'DELETE', '/v1/machines/web1');
  assert.equal(await typesOf(context, `machine=${context.machine}`), [
    'baton.machine.created',
    'baton.machine.deleted',
  ]);
});

test('a filtered list says where to go on, and comes to its end', async (context) => {
  for (let n = 0; n < 30; n += 1) {
    emit(context, 'machines/other', 100);
    emit(context, `machines/${context.machine}`, 1);
  }
  const seen: number[] = [];
  let after: string | null = '0';
  let pages = 0;
  while (after !== null) {
    const query: string = `machine=web1&type=baton.machine.changed&limit=7&after=${after}`;
    const { body } = await call(context.app, 'GET', `/v1/events?${query}`);
    seen.push(...body.events.map(({ seq }: { seq: number }) => seq));
    assert.ok(body.next === null || Number(body.next) > Number(after));
    after = body.next;
    pages += 1;
  }
  assert.is(seen.length, 30);
  assert.equal(
    seen,
    [...new Set(seen)].sort((left, right) => left - right),
  );
  assert.is(pages, 5);
});

for (const [name, open] of Object.entries(OPEN)) {
  test(`${name}: only what is wanted comes, missed and new, and the reader hears how far it is`, async (context) => {
    emit(context, 'machines/other', 600);
    emit(context, `machines/${context.machine}`, 1);
    emit(context, 'machines/other', 600);
    const reader = await open(context.socketPath, '?after=0&machine=web1&type=baton.machine.*');
    const { last } = context.app.services.store.events.range();
    await waitFor(() => reader.reached === last, { what: 'the reader to know that it has all' });
    assert.equal(
      reader.events.map(({ type }) => type),
      ['baton.machine.created', 'baton.machine.changed'],
    );
    emit(context, 'machines/other', 5);
    await waitFor(() => reader.reached === last + 5, { what: 'a heartbeat to tell of what was left out' });
    emit(context, `machines/${context.machine}`, 1);
    await waitFor(() => reader.events.length === 3, { what: 'what happens now' });
    assert.is(reader.events.at(-1)?.seq, last + 6);
    reader.stop();
  });

  test(`${name}: a reader that began now knows where that was before anything happens`, async (context) => {
    const reader = await open(context.socketPath, '');
    await waitFor(() => reader.reached === 2, { what: 'the sequence that it began at' });
    assert.is(reader.events.length, 0);
    reader.stop();
  });

  test(`${name}: a filter with a word that no type has is refused`, async ({ socketPath }) => {
    const refused = await open(socketPath, '?type=baton.nothing').catch((error: Error) => error);
    assert.match((refused as Error).message, /400/);
  });
}

test.run();
