/** Tokens over TLS: made once, used, expired, revoked; and what is left of them in files. */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import { hasOpenssl } from '../../helpers/certificates.js';
import { skipSuite } from '../../helpers/skip.js';
import { waitFor, within } from '../../helpers/wait.js';
import { call } from '../fixture.js';
import { ask } from './client.js';
import { endTls, startTls, type TlsContext, tlsAs, tokenFor } from './tls-fixture.js';

const test = suite<TlsContext>('tokens');

test.before((context) => startTls(context, { access: { maxStreams: 2 } }));
test.after(endTls);

function openStream({ port, certificates }: TlsContext, path: string, token: string) {
  const socket = new WebSocket(`wss://127.0.0.1:${port}${path}`, {
    ca: certificates.ca.cert,
    headers: { authorization: `Bearer ${token}` },
  });
  const frames: { error?: { code: string } }[] = [];
  socket.on('message', (data) => frames.push(JSON.parse(String(data))));
  const closed = new Promise<number>((resolve) => {
    socket.on('close', resolve);
    socket.on('error', () => undefined);
  });
  const opened = new Promise<number>((resolve) => {
    socket.on('open', () => resolve(101));
    socket.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
  });
  return { socket, frames, closed, opened };
}

test('a token is told once, works over TLS and the unix socket, and says who asks', async (context) => {
  const { id, token } = await tokenFor(context, { name: 'ci', role: 'operator' });
  assert.match(token, new RegExp(`^baton_${id}_[A-Za-z0-9_-]{43}$`));
  const list = await ask(context.unix, { path: '/v1/tokens' });
  assert.is(list.body.tokens.find((each: { id: string }) => each.id === id).lastUsedAt, null);
  assert.not.match(JSON.stringify(list.body), token.slice(-43));
  const machine = JSON.stringify({ name: 'm', memoryMiB: 32, kernel: '/k' });
  const answer = await ask(tlsAs(context), { path: '/v1/machines', token });
  assert.is(answer.status, 200);
  /* A token also lowers what its bearer may: root asks here. */
  const { status, body } = await ask(context.unix, { method: 'DELETE', path: '/v1/builds/none', token });
  assert.equal([status, body.code], [403, 'forbidden']);
  const created = await ask(context.unix, { method: 'POST', path: '/v1/machines', token, body: machine });
  assert.is(created.body.code, 'build_not_found');
  const used = await ask(context.unix, { path: `/v1/tokens/${id}` });
  assert.ok(Date.parse(used.body.lastUsedAt) >= Date.parse(used.body.createdAt));
  assert.is(used.body.createdBy, (await call(context.app, 'GET', `/v1/tokens/${id}`)).body.createdBy);
});

test('the secret is in no file of the daemon, and its hash is not enough', async (context) => {
  const { token } = await tokenFor(context, { name: 'kept', role: 'viewer' });
  assert.is((await ask(tlsAs(context), { path: '/v1/machines', token })).status, 200);
  const { stateDir } = context.folders;
  const files = readdirSync(stateDir).filter((name) => name.startsWith('batond.sqlite'));
  assert.ok(files.length > 0);
  for (const name of files)
    assert.not.ok(readFileSync(`${stateDir}/${name}`).includes(token.slice(-43)), name);
});

for (const [what, make] of [
  ['another secret', (token: string) => token.slice(0, -43) + randomBytes(32).toString('base64url')],
  ['another id', (token: string) => token.replace(/_[0-9a-f]{16}_/, '_0123456789abcdef_')],
  ['one letter more', (token: string) => `${token}x`],
  ['no token at all', () => 'x'],
  ['a huge one', () => `baton_${'0'.repeat(8_000)}`],
] as const) {
  test(`${what} is 401, over TLS and for root alike`, async (context) => {
    const { token } = await tokenFor(context, { name: what.replaceAll(' ', '-'), role: 'admin' });
    for (const where of [tlsAs(context), context.unix]) {
      const answer = await ask(where, { path: '/v1/machines', token: make(token) });
      assert.equal([answer.status, answer.body.code], [401, 'unauthenticated']);
      assert.is(answer.headers['www-authenticate'], 'Bearer realm="batond"');
    }
  });
}

test('no token and no certificate, and another scheme, are 401', async (context) => {
  assert.is((await ask(tlsAs(context), { path: '/v1' })).status, 401);
  const headers = { authorization: `Basic ${Buffer.from('root:root').toString('base64')}` };
  assert.is((await ask(tlsAs(context), { path: '/v1', headers })).status, 401);
  assert.is((await ask(context.unix, { path: '/v1', headers })).status, 401);
});

test('a revoked token is 401 at once, and what went on with it ends', async (context) => {
  const { id, token } = await tokenFor(context, { name: 'gone', role: 'viewer' });
  const { token: other } = await tokenFor(context, { name: 'stays', role: 'viewer' });
  const stream = openStream(context, '/v1/events', token);
  const staying = openStream(context, '/v1/events', other);
  assert.equal(await Promise.all([stream.opened, staying.opened]), [101, 101]);
  assert.is((await ask(context.unix, { method: 'DELETE', path: `/v1/tokens/${id}` })).status, 204);
  assert.is(await within(stream.closed, 5_000, 'the stream to be closed'), 4401);
  assert.is(stream.frames.at(-1)?.error?.code, 'unauthenticated');
  assert.is((await ask(tlsAs(context), { path: '/v1', token })).status, 401);
  assert.is(staying.socket.readyState, WebSocket.OPEN);
  assert.is((await ask(context.unix, { method: 'DELETE', path: `/v1/tokens/${id}` })).status, 404);
  assert.is(await openStream(context, '/v1/events', token).opened, 401);
  staying.socket.terminate();
});

test('an expired token is 401, and its stream ends when it does', async (context) => {
  const { token, expiresAt } = await tokenFor(context, { name: 'brief', role: 'viewer', expiresIn: '2s' });
  const stream = openStream(context, '/v1/events', token);
  assert.is(await stream.opened, 101);
  assert.is((await ask(tlsAs(context), { path: '/v1', token })).status, 200);
  assert.is(await within(stream.closed, 10_000, 'the stream to be closed'), 4401);
  assert.ok(Date.now() >= Date.parse(String(expiresAt)));
  assert.is((await ask(tlsAs(context), { path: '/v1', token })).status, 401);
});

test('an answer that is waited for, and server-sent events, end when the token is revoked', async (context) => {
  const { store } = context.app.services;
  store.durably(() => store.operations.insert({ id: 'slow', kind: 'stop', machineId: 'gone' }));
  const { id, token } = await tokenFor(context, { name: 'waiting', role: 'viewer' });
  const accept = { accept: 'text/event-stream' };
  const waits = [
    ask(tlsAs(context), { path: '/v1/operations/slow?wait=300s', token }),
    ask(tlsAs(context), { path: '/v1/events', token, headers: accept }),
  ].map((answer) =>
    answer.then(
      () => 'answered',
      () => 'cut',
    ),
  );
  const { sessions } = context.app.access;
  await waitFor(() => sessions.count >= waits.length, { what: 'both to be waited for' });
  await ask(context.unix, { method: 'DELETE', path: `/v1/tokens/${id}` });
  assert.equal(await within(Promise.all(waits), 5_000, 'both to end'), ['cut', 'cut']);
  assert.is(sessions.count, 0);
});

test('streams are bounded per principal; who leaves makes room', async (context) => {
  const { token } = await tokenFor(context, { name: 'many', role: 'viewer' });
  const { token: other } = await tokenFor(context, { name: 'other', role: 'viewer' });
  const open = [openStream(context, '/v1/events', token), openStream(context, '/v1/events', token)];
  assert.equal(await Promise.all(open.map(({ opened }) => opened)), [101, 101]);
  assert.is(await openStream(context, '/v1/events', token).opened, 429);
  const others = openStream(context, '/v1/events', other);
  assert.is(await others.opened, 101);
  open[0]?.socket.terminate();
  const again = await waitFor(
    async () => {
      const stream = openStream(context, '/v1/events', token);
      return (await stream.opened) === 101 ? stream : null;
    },
    { what: 'room for another stream' },
  );
  for (const { socket } of [...open, others, again]) socket.terminate();
});

for (const [what, body, status, code] of [
  ['no role', { name: 'a' }, 400, 'invalid_request'],
  ['an unknown role', { name: 'a', role: 'root' }, 400, 'invalid_request'],
  ['a name with a space', { name: 'a b', role: 'viewer' }, 400, 'invalid_request'],
  ['an empty list of machines', { name: 'a', role: 'viewer', machines: [] }, 400, 'invalid_request'],
  ['a machine that is not there', { name: 'a', role: 'viewer', machines: ['x'] }, 404, 'machine_not_found'],
  ['twenty years', { name: 'a', role: 'viewer', expiresIn: '7300d' }, 400, 'invalid_request'],
  ['no unit of time', { name: 'a', role: 'viewer', expiresIn: '10' }, 400, 'invalid_request'],
  ['a name that is taken', { name: 'taken', role: 'viewer' }, 409, 'token_name_taken'],
] as const) {
  test(`a token with ${what} is refused`, async ({ app }) => {
    await call(app, 'POST', '/v1/tokens', { name: 'taken', role: 'viewer' });
    const before = (await call(app, 'GET', '/v1/tokens')).body;
    const answer = await call(app, 'POST', '/v1/tokens', body);
    assert.equal([answer.status, answer.body.code], [status, code]);
    assert.equal((await call(app, 'GET', '/v1/tokens')).body, before);
  });
}

if (hasOpenssl()) test.run();
else skipSuite('tokens', 'openssl is not here: apt install openssl');
