/** Events as server-sent events. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import { waitFor, within } from '../../helpers/wait.js';
import { EventSourceReader } from '../event-readers.js';
import { call, type Folders, makeFolders, startApp, tearDown } from '../fixture.js';

interface Context {
  folders: Folders;
  app: App;
  socketPath: string;
}

const LIMITS = { heartbeatMs: 50, slowReaderDeadlineMs: 300, maxUnreadBytes: 16_384, maxReaders: 3 };
const test = suite<Context>('server-sent events');

test.before.each(async (context) => {
  context.folders = await makeFolders();
  context.app = await startApp(context.folders, { keepEvents: 50, eventLimits: LIMITS });
  context.socketPath = `${context.folders.path}/api.sock`;
  await context.app.server.listen({ path: context.socketPath });
});

test.after.each(({ folders, app }) => tearDown(folders, app));

function emit({ app }: Context, count: number, name = 'm'): void {
  const { store } = app.services;
  for (let n = 0; n < count; n += 1) {
    store.durably(() => store.emit({ type: 'baton.machine.created', subject: 'machines/x', data: { name } }));
  }
}

const sequences = ({ events }: EventSourceReader) => events.map(({ seq }) => seq);

test('what was missed comes, then what happens, each with its sequence as id', async (context) => {
  emit(context, 10);
  const reader = await EventSourceReader.open(context.socketPath, '?after=3');
  emit(context, 10);
  await waitFor(() => reader.reached === 21, { what: 'all events' });
  assert.equal(
    sequences(reader),
    Array.from({ length: 18 }, (_, index) => index + 4),
  );
  reader.stop();
});

test('Last-Event-ID goes before the address that a browser began with', async (context) => {
  emit(context, 10);
  const headers = { 'last-event-id': '9' };
  const reader = await EventSourceReader.open(context.socketPath, '?after=0', headers);
  await waitFor(() => reader.reached === 11, { what: 'the rest' });
  assert.equal(sequences(reader), [10, 11]);
  reader.stop();
  const broken = EventSourceReader.open(context.socketPath, '', { 'last-event-id': 'x' });
  assert.match((await broken.catch((error: Error) => error)).toString(), /400/);
});

test('history that is gone is an answer, which ends the tries of a browser', async (context) => {
  emit(context, 200);
  context.app.services.store.durably(() => context.app.services.store.events.prune());
  const refused = EventSourceReader.open(context.socketPath, '?after=5');
  assert.match((await refused.catch((error: Error) => error)).toString(), /410/);
});

test('heartbeats keep the connection of a reader to whom nothing happens', async ({ socketPath }) => {
  const reader = await EventSourceReader.open(socketPath, '');
  await waitFor(() => reader.comments >= 2, { what: 'two heartbeats' });
  assert.is(reader.events.length, 0);
  reader.stop();
});

test('a reader that does not read is told and cut, others read on', async (context) => {
  const slow = await EventSourceReader.open(context.socketPath, '');
  const other = await EventSourceReader.open(context.socketPath, '');
  slow.pause();
  emit(context, 1_000, 'x'.repeat(1_000));
  await waitFor(() => context.app.feed.dropped.length > 0, { what: 'the slow one to be cut' });
  assert.equal(context.app.feed.dropped, [{ transport: 'sse', reason: 'slow', count: 1 }]);
  await waitFor(() => other.events.length === 1_000, { what: 'the other to have all' });
  slow.resume();
  await within(slow.ended, 5_000, 'the end');
  const seen = sequences(slow);
  assert.equal(
    seen,
    seen.map((_, index) => index + 2),
  );
  assert.ok(seen.length < 1_000);
  other.stop();
});

test('one that hangs up is forgotten', async ({ app, socketPath }) => {
  const reader = await EventSourceReader.open(socketPath, '');
  assert.is(app.feed.readers.size, 1);
  reader.stop();
  await waitFor(() => app.feed.readers.size === 0, { what: 'it to be forgotten' });
  assert.equal(app.feed.dropped, []);
});

test('subscribers beyond the limit are refused, the list is not', async ({ app, socketPath }) => {
  const readers = await Promise.all([1, 2, 3].map(() => EventSourceReader.open(socketPath, '')));
  const refused = EventSourceReader.open(socketPath, '');
  assert.match((await refused.catch((error: Error) => error)).toString(), /503/);
  assert.is((await call(app, 'GET', '/v1/events')).status, 200);
  for (const reader of readers) reader.stop();
});

test('when the daemon stops the stream ends, and the connection with it', async (context) => {
  const reader = await EventSourceReader.open(context.socketPath, '?type=baton.build.*');
  emit(context, 3);
  await within(context.app.close(1_000), 5_000, 'the daemon to stop');
  await within(reader.ended, 5_000, 'the end of the stream');
  assert.is(reader.reached, 4);
  context.app = await startApp(context.folders);
});

test.run();
