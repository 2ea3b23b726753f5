/** Many subscribers at once, some of them slow, some dead. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import type { EventLimits } from '../../../daemon/http/event-feed.js';
import { waitFor, within } from '../../helpers/wait.js';
import { EventSourceReader, WebSocketReader } from '../event-readers.js';
import { call, type Folders, makeFolders, startApp, tearDown } from '../fixture.js';

interface Context {
  folders: Folders;
  app: App;
  socketPath: string;
  child: ChildProcess | null;
}

const LIMITS = { heartbeatMs: 200, slowReaderDeadlineMs: 500, maxUnreadBytes: 32_768 };
/* All of them are of one user here. */
const ONE_FOR_MANY = { limits: { connectionsPerUser: 2_000, requestsPerSecond: 10_000 }, maxStreams: 2_000 };
const SUBSCRIBERS = 500;
const SUBSCRIBER = fileURLToPath(new URL('../event-subscriber.js', import.meta.url));
const test = suite<Context>('many subscribers');

test.before.each(async (context) => {
  context.child = null;
  context.folders = await makeFolders();
  context.socketPath = `${context.folders.path}/api.sock`;
  await listen(context, LIMITS);
});

async function listen(context: Context, eventLimits: Partial<EventLimits>): Promise<void> {
  context.app = await startApp(context.folders, { eventLimits, access: ONE_FOR_MANY });
  await context.app.server.listen({ path: context.socketPath });
}

test.after.each(async ({ folders, app, child }) => {
  child?.kill('SIGKILL');
  await tearDown(folders, app);
});

async function startSubscribers(context: Context, count: number): Promise<ChildProcess> {
  const child = spawn(process.execPath, [SUBSCRIBER, context.socketPath, String(count)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  context.child = child;
  await within(once(child.stdout as NodeJS.ReadableStream, 'data'), 20_000, 'the subscribers to listen');
  return child;
}

function emit({ app }: Context, count: number, name = 'm'): void {
  const { store } = app.services;
  store.durably(() => {
    for (let n = 0; n < count; n += 1) {
      store.emit({ type: 'baton.machine.created', subject: 'machines/x', data: { name } });
    }
  });
}

test('500 subscribers each get every event once and in order, and requests are answered meanwhile', async (context) => {
  /* They all live in this process, which has more to do than to answer pings in time. */
  await context.app.close(1_000);
  await listen(context, {});
  const opened = Array.from({ length: SUBSCRIBERS }, (_, index) =>
    index % 2 === 0
      ? WebSocketReader.open(context.socketPath, '?after=0')
      : EventSourceReader.open(context.socketPath, '?after=0&type=baton.machine.*'),
  );
  const readers = await Promise.all(opened);
  for (let burst = 0; burst < 5; burst += 1) {
    emit(context, 20);
    assert.is((await call(context.app, 'GET', '/v1')).status, 200);
  }
  await waitFor(() => readers.every(({ reached }) => reached === 101), {
    deadlineMs: 60_000,
    what: 'everybody to have everything',
  });
  for (const [index, { events }] of readers.entries()) {
    const first = index % 2 === 0 ? 1 : 2;
    assert.equal(
      events.map(({ seq }) => seq),
      Array.from({ length: 102 - first }, (_, n) => n + first),
    );
  }
  for (const reader of readers) reader.stop();
  await waitFor(() => context.app.feed.readers.size === 0, { what: 'all of them to be forgotten' });
});

test('peers that are stopped answer no ping and are cut, though nothing happens', async (context) => {
  const child = await startSubscribers(context, 10);
  const alive = await WebSocketReader.open(context.socketPath, '');
  child.kill('SIGSTOP');
  await waitFor(() => context.app.feed.readers.size === 1, { what: 'the stopped ones to be cut' });
  assert.equal(context.app.feed.dropped, [{ transport: 'websocket', reason: 'dead', count: 10 }]);
  emit(context, 1);
  await waitFor(() => alive.events.length === 1, { what: 'the other to go on' });
  alive.stop();
});

test('peers that are stopped while much happens cost no more than their bound, and are cut', async (context) => {
  const child = await startSubscribers(context, 50);
  child.kill('SIGSTOP');
  const before = process.memoryUsage().rss;
  for (let n = 0; n < 20; n += 1) emit(context, 100, 'x'.repeat(1_000));
  await waitFor(() => context.app.feed.readers.size === 0, { what: 'all of them to be cut' });
  const reasons = context.app.feed.dropped.map(({ reason }) => reason);
  assert.ok(
    reasons.every((reason) => reason === 'slow' || reason === 'dead'),
    reasons.join(),
  );
  const grownMiB = (process.memoryUsage().rss - before) / 1024 ** 2;
  assert.ok(grownMiB < 100, `memory grew by ${grownMiB} MiB`);
});

test.run();
