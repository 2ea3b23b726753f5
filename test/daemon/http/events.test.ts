/** Events as a list and as a stream, over a real socket. */
import { request } from 'node:http';
import { connect } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import { EventFeed } from '../../../daemon/http/event-feed.js';
import { EventStream, type EventTransport } from '../../../daemon/http/event-stream.js';
import { waitFor, within } from '../../helpers/wait.js';
import { WebSocketReader } from '../event-readers.js';
import { call, type Folders, makeFolders, startApp, tearDown } from '../fixture.js';

interface Context {
  folders: Folders;
  app: App;
  socketPath: string;
}

const test = suite<Context>('events');

test.before.each(async (context) => {
  context.folders = await makeFolders();
  context.app = await startApp(context.folders, { keepEvents: 50 });
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

const subscribe = ({ socketPath }: Context, query: string) => WebSocketReader.open(socketPath, query);

test('the list goes on after a sequence, with a limit', async (context) => {
  emit(context, 5);
  const all = (await call(context.app, 'GET', '/v1/events')).body;
  assert.is(all.last, 6);
  assert.equal(all.events[1].type, 'baton.machine.created');
  assert.is(all.events[1].specversion, '1.0');
  assert.is(all.events[1].id, String(all.events[1].seq));
  const { body } = await call(context.app, 'GET', '/v1/events?after=2&limit=2');
  assert.equal(
    body.events.map(({ seq }: { seq: number }) => seq),
    [3, 4],
  );
});

test('a stream sends what was missed, then what happens, each once and in order', async (context) => {
  emit(context, 10);
  const reader = await subscribe(context, '?after=3');
  const { frames } = reader;
  emit(context, 10);
  await waitFor(() => frames.length >= 18, { what: 'all events' });
  assert.equal(
    frames.map(({ seq }) => seq),
    Array.from({ length: 18 }, (_, index) => index + 4),
  );
  reader.stop();
});

test('without a sequence a stream begins now', async (context) => {
  emit(context, 10);
  const reader = await subscribe(context, '');
  const { frames } = reader;
  await waitFor(async () => (await call(context.app, 'GET', '/v1')).status === 200, { what: 'a round trip' });
  emit(context, 1);
  await waitFor(() => frames.length > 0, { what: 'an event' });
  assert.is(frames[0]?.seq, 12);
  reader.stop();
});

test('history that is gone is an error in words, not a gap', async (context) => {
  emit(context, 200);
  context.app.services.store.durably(() => context.app.services.store.events.prune());
  const { frames, closed } = await subscribe(context, '?after=5');
  assert.equal(await within(closed, 5_000, 'the close'), { code: 4410, reason: 'events_gone' });
  assert.is(frames.length, 1);
  assert.is(frames[0]?.error?.code, 'events_gone');
  assert.match(frames[0]?.error?.detail ?? '', /go on from 201/);
  const { status, body } = await call(context.app, 'GET', '/v1/events?after=5');
  assert.is(status, 410);
  assert.is(body.last, 201);
});

test('a sequence of the future is an error: the history is another', async (context) => {
  const { frames, closed } = await subscribe(context, '?after=1000');
  assert.is((await within(closed, 5_000, 'the close')).code, 4400);
  assert.is(frames[0]?.error?.code, 'event_not_reached');
  assert.is((await call(context.app, 'GET', '/v1/events?after=1000')).status, 400);
});

test('a query that is no sequence is refused before the upgrade of the connection', async (context) => {
  const refused = await subscribe(context, '?after=x').catch((error: Error) => error);
  assert.match((refused as Error).message, /400/);
  assert.is((await call(context.app, 'GET', '/v1/events?before=1')).body.code, 'invalid_request');
});

test('a subscriber that speaks is told that it should not', async (context) => {
  const reader = await subscribe(context, '');
  reader.send('hello');
  assert.is((await within(reader.closed, 5_000, 'the close')).code, 4400);
});

test('a reader that does not read is told and cut, and costs the daemon no queue', async (context) => {
  const { store } = context.app.services;
  const sent: string[] = [];
  let refusal: string | null = null;
  let unreadBytes = 0;
  const transport: EventTransport = {
    name: 'websocket',
    get unreadBytes() {
      return unreadBytes;
    },
    send({ json }) {
      sent.push(String(json));
      unreadBytes += json.length;
    },
    refuse({ code }) {
      refusal = code;
    },
    sendReached: () => undefined,
    beat: () => true,
    sendAway: () => undefined,
    destroy: () => undefined,
    onClosed: () => undefined,
  };
  const feed = new EventFeed(store, { maxUnreadBytes: 4_000, slowReaderDeadlineMs: 100 });
  new EventStream(feed, transport, { after: 0, matches: null });
  emit(context, 40, 'x'.repeat(1_000));
  await waitFor(() => refusal !== null, { what: 'the slow reader to be cut' });
  assert.is(refusal, 'slow_reader');
  assert.ok(sent.length < 45, `${sent.length} frames were queued`);
  assert.equal(feed.dropped, [{ transport: 'websocket', reason: 'slow', count: 1 }]);
  assert.is(feed.readers.size, 0);
  feed.close();
});

test('when the daemon stops, subscribers are told that they can come back', async (context) => {
  const { closed } = await subscribe(context, '');
  await context.app.close(1_000);
  assert.is((await within(closed, 5_000, 'the close')).code, 1001);
  context.app = await startApp(context.folders);
});

test('bytes that are no HTTP get a problem, and others are served on', async ({ app, socketPath }) => {
  const answer = await within(
    new Promise<string>((resolve) => {
      let text = '';
      const socket = connect(socketPath, () => socket.write('\x16\x03\x01 nonsense\r\n\r\n'));
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.on('close', () => resolve(text));
    }),
    5_000,
    'an answer',
  );
  assert.match(answer, /^HTTP\/1\.1 400 /);
  assert.match(answer, /"code":"malformed_http"/);
  assert.is((await call(app, 'GET', '/v1')).status, 200);
});

test('a body of 10 MiB over the socket is refused while it comes', async ({ socketPath }) => {
  const status = await within(
    new Promise<number>((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': 10 * 1024 * 1024 };
      const outgoing = request({ socketPath, method: 'POST', path: '/v1/machines', headers }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      outgoing.on('error', reject);
      outgoing.write(Buffer.alloc(64 * 1024, 0x20));
    }),
    5_000,
    'an answer',
  );
  assert.is(status, 413);
});

test.run();
