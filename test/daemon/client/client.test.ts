/** The client against servers that misbehave, and against the daemon. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  BatonClient,
  ConnectionLostError,
  collect,
  DeadlineError,
  ProblemError,
  ProtocolError,
  UnreachableError,
} from '../../../daemon/client/index.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';
import { waitFor, within } from '../../helpers/wait.js';

type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

interface Context {
  dir: TempDir;
  servers: Server[];
  clients: BatonClient[];
}

const test = suite<Context>('client');

test.before.each(async (context) => {
  context.dir = await tempDir();
  context.servers = [];
  context.clients = [];
});

test.after.each(async ({ dir, servers, clients }) => {
  for (const client of clients) client.close();
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  await dir.remove();
});

async function serve({ dir, servers }: Context, handler: Handler): Promise<string> {
  let count = 0;
  const path = `${dir.path}/${servers.length}.sock`;
  const server = createServer((request, response) => handler(request, response, ++count));
  servers.push(server);
  server.listen(path);
  await once(server, 'listening');
  return path;
}

function clientOf({ clients }: Context, path: string, options: object = {}): BatonClient {
  const client = new BatonClient({ host: `unix:${path}`, retryMs: 2_000, ...options });
  clients.push(client);
  return client;
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => null,
    (error: unknown) => error,
  );
}

function json(response: ServerResponse, status: number, document: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(document));
}

const PROBLEM = {
  type: 'urn:baton:problem:wrong_state',
  title: 'No',
  status: 409,
  detail: 'not now',
  code: 'wrong_state',
};

test('a problem is an error with its code', async (context) => {
  const path = await serve(context, (_request, response) => json(response, 409, PROBLEM));
  const error = await rejection(clientOf(context, path).machines.act('m', 'start'));
  assert.instance(error, ProblemError);
  assert.equal([(error as ProblemError).code, (error as ProblemError).message], ['wrong_state', 'not now']);
});

test('nobody there is told at once, not waited for', async (context) => {
  let tries = 0;
  const onExchange = () => {
    tries += 1;
  };
  const client = clientOf(context, `${context.dir.path}/none`, { retryMs: 60_000, onExchange });
  assert.instance(await rejection(client.host.root()), UnreachableError);
  assert.is(tries, 1);
});

test('no answer in time, no JSON, no problem: each its own error', async (context) => {
  const path = await serve(context, (request, response) => {
    if (request.url === '/v1/machines/slow') return;
    response.writeHead(request.url === '/v1/machines/bad' ? 500 : 200).end('hm');
  });
  const client = clientOf(context, path, { deadlineMs: 200 });
  assert.instance(await rejection(client.machines.get('slow')), DeadlineError);
  assert.instance(await rejection(client.machines.get('odd')), ProtocolError);
  assert.instance(await rejection(client.machines.get('bad')), ProtocolError);
});

test('reading is repeated when the connection breaks, also in the middle of an answer', async (context) => {
  const path = await serve(context, (request, response, count) => {
    if (count === 1) request.socket.destroy();
    else if (count === 2) {
      response.writeHead(200, { 'content-length': 100 }).write('{"na');
      setImmediate(() => request.socket.destroy());
    } else json(response, 200, { name: 'batond' });
  });
  assert.is((await clientOf(context, path).host.root()).name, 'batond');
});

test('a daemon that was there and is away is waited for', async (context) => {
  const path = await serve(context, (_request, response) => json(response, 200, { name: 'first' }));
  const client = clientOf(context, path, { retryMs: 20_000 });
  await client.host.root();
  const [server] = context.servers;
  server?.closeAllConnections();
  server?.close();
  const asked = client.host.root();
  const next = createServer((_request, response) => json(response, 200, { name: 'second' })).listen(path);
  context.servers.push(next);
  assert.is((await asked).name, 'second');
});

test('a post is repeated under the same key when the daemon keeps keys, else it is an error', async (context) => {
  for (const abilities of [['idempotency-keys'], []]) {
    const keys: unknown[] = [];
    const path = await serve(context, (request, response) => {
      if (request.method === 'GET') return json(response, 200, { abilities });
      keys.push(request.headers['idempotency-key']);
      if (keys.length === 1) request.socket.destroy();
      else json(response, 202, { id: 'o1' });
    });
    const asked = clientOf(context, path).machines.act('m', 'start');
    if (abilities.length === 0) {
      assert.instance(await rejection(asked), ConnectionLostError);
      assert.is(keys.length, 1);
    } else {
      assert.is((await asked).id, 'o1');
      assert.is(keys.length, 2);
      assert.is(keys[0], keys[1]);
    }
  }
});

test('a change with If-Match is not repeated', async (context) => {
  let changes = 0;
  const path = await serve(context, (request) => {
    changes++;
    request.socket.destroy();
  });
  const client = clientOf(context, path);
  assert.instance(
    await rejection(client.machines.change('m', { memoryMiB: 1 }, { revision: 3 })),
    ConnectionLostError,
  );
  assert.is(changes, 1);
});

test('a deletion goes by the id and is repeated; what is gone by then is done', async (context) => {
  const deleted: unknown[] = [];
  const path = await serve(context, (request, response) => {
    if (request.method === 'GET') return json(response, 200, { id: 'id-of-m', name: 'm' });
    deleted.push(request.url);
    if (deleted.length === 1) request.socket.destroy();
    else json(response, 404, { ...PROBLEM, code: 'machine_not_found' });
  });
  await clientOf(context, path).machines.delete('m');
  assert.equal(deleted, ['/v1/machines/id-of-m', '/v1/machines/id-of-m']);
});

test('a deletion by a name is not repeated: a new machine can have it', async (context) => {
  let deletions = 0;
  const path = await serve(context, (request) => {
    deletions++;
    request.socket.destroy();
  });
  const asked = clientOf(context, path).request({ method: 'DELETE', path: '/v1/machines/m' });
  assert.instance(await rejection(asked), ConnectionLostError);
  assert.is(deletions, 1);
});

test('a signal ends the looking whether a post can be repeated, with its reason', async (context) => {
  const left = new AbortController();
  let looks = 0;
  const path = await serve(context, (request) => {
    if (request.method === 'GET') looks++;
    else request.socket.destroy();
  });
  const client = clientOf(context, path, { retryMs: 600_000, deadlineMs: 600_000 });
  const { signal } = left;
  const asked = rejection(client.request({ method: 'POST', path: '/v1/machines/m/preflight', signal }));
  await waitFor(() => looks === 1, { what: 'the look' });
  left.abort(new Error('enough'));
  assert.is(((await within(asked, 30_000, 'the end')) as Error).message, 'enough');
});

test('a signal ends the pause before the next try, with its reason', async (context) => {
  const left = new AbortController();
  const path = await serve(context, (request, response) => {
    if (request.url === '/v1') return json(response, 200, { name: 'batond' });
    response.setHeader('retry-after', '300');
    json(response, 503, { ...PROBLEM, code: 'shutting_down' });
    setImmediate(() => left.abort(new Error('enough')));
  });
  const client = clientOf(context, path, { retryMs: 600_000 });
  const { signal } = left;
  const asked = rejection(client.request({ method: 'GET', path: '/v1/machines', signal }));
  assert.is(((await within(asked, 30_000, 'the end')) as Error).message, 'enough');
});

test('a daemon that is stopping or too busy is asked again', async (context) => {
  const path = await serve(context, (_request, response, count) => {
    if (count === 1) json(response, 503, { ...PROBLEM, code: 'shutting_down' });
    else json(response, 200, { name: 'batond' });
  });
  assert.is((await clientOf(context, path).host.root()).name, 'batond');
});

test('lists are read page by page, up to the limit', async (context) => {
  const asked: string[] = [];
  const path = await serve(context, (request, response) => {
    asked.push(request.url ?? '');
    const second = request.url?.includes('cursor=c2');
    json(response, 200, {
      machines: second ? [{ name: 'c' }] : [{ name: 'a' }, { name: 'b' }],
      next: second ? null : 'c2',
    });
  });
  const client = clientOf(context, path);
  const names = async (limit?: number) =>
    (
      await collect(client.machines.list({ state: 'running', ...(limit === undefined ? {} : { limit }) }))
    ).map(({ name }) => name);
  assert.equal(await names(), ['a', 'b', 'c']);
  assert.equal(asked, [
    '/v1/machines?state=running&limit=1000',
    '/v1/machines?state=running&limit=1000&cursor=c2',
  ]);
  assert.equal(await names(2), ['a', 'b']);
  assert.is(asked.at(-1), '/v1/machines?state=running&limit=2');
});

test('instances and tokens are all of them, however many pages that is', async (context) => {
  const path = await serve(context, (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://daemon');
    const isSecond = searchParams.get('cursor') === 'c2';
    const items = isSecond ? [{ id: 'b', generation: 2 }] : [{ id: 'a', generation: 1 }];
    json(response, 200, { [pathname.split('/').at(-1) ?? '']: items, next: isSecond ? null : 'c2' });
  });
  const client = clientOf(context, path);
  assert.equal(
    (await client.machines.instances('web1')).map(({ generation }) => generation),
    [1, 2],
  );
  assert.equal(
    (await client.tokens.list()).map(({ id }) => id),
    ['a', 'b'],
  );
});

test('an operation that has not ended in time is an error; a signal ends the wait with its reason', async (context) => {
  const path = await serve(context, (_request, response) =>
    json(response, 202, { id: 'o', state: 'running' }),
  );
  const { operations } = clientOf(context, path);
  assert.instance(await rejection(operations.ended('o', { deadlineMs: 300 })), DeadlineError);
  const left = new AbortController();
  const waiting = rejection(operations.ended('o', { signal: left.signal }));
  left.abort(new Error('enough'));
  const error = (await waiting) as Error;
  assert.ok(error.message === 'enough' || error.name === 'AbortError', error.message);
});

test('credentials go with every request', async (context) => {
  const seen: unknown[] = [];
  const path = await serve(context, (request, response) => {
    seen.push(request.headers.authorization);
    json(response, 200, {});
  });
  await clientOf(context, path, { token: 'baton_x_y' }).host.root();
  await waitFor(() => seen.length === 1, { what: 'the request' });
  assert.equal(seen, ['Bearer baton_x_y']);
});

test.run();
