/** Whether the daemon lives, and whether it can work, as monitors ask. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import { openMetricsPlace } from '../../../daemon/http/metrics-place.js';
import { waitFor } from '../../helpers/wait.js';
import { call, type Folders, makeFolders, startApp, tearDown } from '../fixture.js';
import { lintMetrics, parseMetrics } from '../prometheus-text.js';

interface Context {
  folders: Folders;
  app: App;
}

const test = suite<Context>('health and readiness');

test.before.each(async (context) => {
  context.folders = await makeFolders();
  context.app = await startApp(context.folders);
});

test.after.each(({ folders, app }) => tearDown(folders, app));

test('a daemon that is well is healthy and ready, and writes nothing to say so', async ({ app }) => {
  const { last } = app.services.store.events.range();
  assert.equal((await call(app, 'GET', '/healthz')).body, { status: 'ok' });
  const ready = await call(app, 'GET', '/readyz');
  assert.is(ready.status, 200);
  assert.equal(ready.body, { status: 'ready', reasons: [] });
  assert.is(ready.headers['cache-control'], 'no-store');
  assert.is(app.services.store.events.range().last, last);
});

test('a store that takes no more is a reason, until it does again', async ({ app }) => {
  const { store } = app.services;
  store.limitPages(store.pageCount);
  const full = await call(app, 'GET', '/readyz');
  assert.is(full.status, 503);
  assert.equal(full.body, {
    status: 'not-ready',
    reasons: [{ code: 'store_not_writable', message: 'the inventory cannot be written' }],
  });
  assert.is((await call(app, 'GET', '/healthz')).status, 200);
  store.limitPages(1_000_000);
  await waitFor(async () => (await call(app, 'GET', '/readyz')).status === 200, { what: 'room' });
});

test('however often it is asked, the store is looked at once a second', async ({ app }) => {
  const { store } = app.services;
  const isWritable = store.isWritable.bind(store);
  let looks = 0;
  store.isWritable = () => {
    looks += 1;
    return isWritable();
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: 50 }, () => call(app, 'GET', '/readyz')));
  const seconds = (performance.now() - startedAt) / 1_000;
  assert.ok(looks >= 1 && looks <= 1 + seconds, `${looks} looks in ${seconds} s`);
});

test('what is said tells nothing of this host to whoever asks', async ({ app, folders }) => {
  app.services.store.limitPages(app.services.store.pageCount);
  const { body } = await call(app, 'GET', '/readyz');
  assert.not.ok(JSON.stringify(body).includes(folders.path));
});

test('anyone may ask how it is; metrics are for viewers', async ({ app }) => {
  const roleOf = (url: string) => app.server.routeRights.find((route) => route.url === url)?.role;
  assert.is(roleOf('/healthz'), 'anyone');
  assert.is(roleOf('/readyz'), 'anyone');
  assert.is(roleOf('/metrics'), 'viewer');
});

/** A port that is free now; another one if somebody takes it first is the next try's. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

test('a place of its own serves these three and nothing else, and ends with the daemon', async ({ app }) => {
  const port = await freePort();
  const close = await openMetricsPlace(app.server, { port });
  const get = (path: string) =>
    fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(5_000) });
  assert.equal(await (await get('/healthz')).json(), { status: 'ok' });
  assert.is((await get('/readyz')).status, 200);
  const metrics = await get('/metrics?x=1');
  assert.match(metrics.headers.get('content-type') ?? '', /version=0\.0\.4/);
  assert.equal(lintMetrics(parseMetrics(await metrics.text())), []);
  for (const path of ['/v1/machines', '/v1/tokens', '/', '//metrics', '/metrics/../v1/machines']) {
    assert.is((await get(path)).status, 404, path);
  }
  const posted = await fetch(`http://127.0.0.1:${port}/metrics`, { method: 'POST', body: 'x' });
  assert.is(posted.status, 404);
  await close();
  assert.is(await get('/healthz').catch(() => null), null);
});

test.run();
