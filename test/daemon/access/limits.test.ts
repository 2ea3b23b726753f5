/** Bounds: bodies that nobody asked for, slow heads, too many requests, failures, and connections. */
import { once } from 'node:events';
import { connect as connectUnix, type Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { origin } from '../../../daemon/access/authenticator.js';
import { hasOpenssl } from '../../helpers/certificates.js';
import { skipSuite } from '../../helpers/skip.js';
import { waitFor, within } from '../../helpers/wait.js';
import { call } from '../fixture.js';
import { ask } from './client.js';
import { endTls, startTls, type TlsContext, tlsAs, tokenFor } from './tls-fixture.js';

const test = suite<TlsContext>('limits of access');
const LIMITS = {
  requestsPerSecond: 40,
  changesPerSecond: 5,
  openRequestsPerSecond: 5,
  failuresPerMinute: 5,
  slowAnswerMs: 300,
  maxSlowAnswers: 2,
  connectionsPerUser: 20,
};

test.before.each((context) => startTls(context, { access: { limits: LIMITS } }));
test.after.each(endTls);

interface Raw {
  readonly socket: TLSSocket;
  readonly heard: () => string;
  readonly closed: Promise<unknown>;
}

/** A connection on which the test writes what it likes. */
async function open({ port, certificates: { ca } }: TlsContext): Promise<Raw> {
  const socket = connect({ host: '127.0.0.1', port, ca: ca.cert });
  let text = '';
  socket.on('data', (data) => {
    text += data.toString('latin1');
  });
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.on('close', resolve));
  await within(once(socket, 'secureConnect'), 5_000, 'the connection');
  return { socket, heard: () => text, closed };
}

const HEAD = 'POST /v1/machines HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n';

test('a stranger’s endless body is answered before it ends, and cut off', async (context) => {
  const { socket, heard, closed } = await open(context);
  socket.write(`${HEAD}transfer-encoding: chunked\r\n\r\n`);
  const chunk = `10000\r\n${'['.repeat(0x10000)}\r\n`;
  const timer = setInterval(() => socket.write(chunk), 1);
  try {
    await within(closed, 10_000, 'the connection to be cut');
  } finally {
    clearInterval(timer);
  }
  assert.match(heard(), /^HTTP\/1\.1 401 /);
  assert.match(heard(), /unauthenticated/);
});

test('who asks first whether to send a body is not invited when it may not', async (context) => {
  const { token } = await tokenFor(context, { name: 'viewer', role: 'viewer' });
  const stranger = await open(context);
  const head = `${HEAD}expect: 100-continue\r\ncontent-length: 1000000\r\n`;
  stranger.socket.write(`${head}\r\n`);
  await within(stranger.closed, 5_000, 'the stranger to be sent away');
  assert.match(stranger.heard(), /^HTTP\/1\.1 401 /);
  const viewer = await open(context);
  viewer.socket.write(`${head}authorization: Bearer ${token}\r\n\r\n`);
  await within(viewer.closed, 5_000, 'the viewer to be sent away');
  assert.match(viewer.heard(), /^HTTP\/1\.1 403 /);
});

test('who may is invited, and answered', async (context) => {
  const { token } = await tokenFor(context, { name: 'operator', role: 'operator' });
  const { socket, heard } = await open(context);
  const body = '{"name":';
  socket.write(
    `${HEAD}expect: 100-continue\r\ncontent-length: ${body.length}\r\nauthorization: Bearer ${token}\r\n\r\n`,
  );
  await waitFor(() => heard().startsWith('HTTP/1.1 100 Continue\r\n'), { what: 'an invitation' });
  socket.write(body);
  await waitFor(() => heard().includes('malformed_json'), { what: 'the answer' });
  socket.destroy();
});

test('a body that is announced as huge is refused to who may, by its length', async (context) => {
  const { token } = await tokenFor(context, { name: 'operator', role: 'operator' });
  const { socket, heard } = await open(context);
  socket.write(`${HEAD}content-length: 99999999999\r\nauthorization: Bearer ${token}\r\n\r\n`);
  await waitFor(() => heard().includes('body_too_large'), { what: 'the answer' });
  socket.destroy();
});

test('heads that are too large, and what is no HTTP, get an answer and nothing more', async (context) => {
  const large = await open(context);
  large.socket.write(`GET /v1 HTTP/1.1\r\nhost: x\r\nx: ${'a'.repeat(100_000)}\r\n\r\n`);
  await within(large.closed, 5_000, 'the connection to be closed');
  assert.match(large.heard(), /^HTTP\/1\.1 431 /);
  const garbage = await open(context);
  garbage.socket.write('\0\x01\x02 garbage\r\n\r\n');
  await within(garbage.closed, 5_000, 'the connection to be closed');
  assert.match(garbage.heard(), /^HTTP\/1\.1 400 /);
});

test('a head that comes a byte at a time is cut off', async (context) => {
  const { socket, heard, closed } = await open(context);
  const { headersTimeout, requestTimeout } = context.app.server.server;
  assert.equal([headersTimeout, requestTimeout], [10_000, 30_000]);
  const timer = setInterval(() => socket.write('a'), 100);
  socket.write('GET /v1 HTTP/1.1\r\nhost: x\r\nx: ');
  try {
    await within(closed, 60_000, 'the connection to be cut');
  } finally {
    clearInterval(timer);
  }
  assert.not.match(heard(), /200 OK/);
});

test('a token that asks too often is 429 for a while; others are not', async (context) => {
  const { token } = await tokenFor(context, { name: 'often', role: 'operator' });
  const { token: other } = await tokenFor(context, { name: 'other', role: 'viewer' });
  const many = Array.from({ length: 80 }, () => ask(context.unix, { path: '/v1', token }));
  const answers = await Promise.all(many.map((answer) => answer.catch(() => null)));
  const refused = answers.filter((answer) => answer?.status === 429);
  assert.ok(refused.length > 0);
  assert.is(refused[0]?.body.code, 'too_many_requests');
  assert.ok(Number(refused[0]?.headers['retry-after']) >= 1);
  assert.is((await ask(context.unix, { path: '/v1', token: other })).status, 200);
  await waitFor(async () => (await ask(context.unix, { path: '/v1', token })).status === 200, {
    what: 'its turn',
  });
});

test('what anyone may ask for has a number of its own for each origin, on the socket too', async (context) => {
  for (const place of [context.unix, tlsAs(context)]) {
    const asked = Array.from({ length: 60 }, (_, n) =>
      ask(place, { path: n % 2 === 0 ? '/healthz' : '/v1/openapi.json' }).catch(() => null),
    );
    const refused = (await Promise.all(asked)).filter((answer) => answer?.status === 429);
    assert.ok(refused.length > 0);
    assert.is(refused[0]?.body.code, 'too_many_requests');
  }
  assert.is((await ask(context.unix, { path: '/v1' })).status, 200);
});

test('changes are counted apart', async (context) => {
  const { token } = await tokenFor(context, { name: 'changes', role: 'operator' });
  const change = () => ask(tlsAs(context), { method: 'POST', path: '/v1/machines/none/start', token });
  const statuses = (await Promise.all(Array.from({ length: 12 }, change))).map(({ status }) => status);
  assert.ok(statuses.includes(404) && statuses.includes(429), statuses.join());
  assert.is((await ask(tlsAs(context), { path: '/v1', token })).status, 200);
});

test('failures are answered slowly after some, and not waited for when they are many', async (context) => {
  const fail = async () => {
    const startedAt = performance.now();
    const { status } = await ask(tlsAs(context), { path: '/v1', token: 'wrong' });
    return { status, tookMs: performance.now() - startedAt };
  };
  for (let n = 0; n < LIMITS.failuresPerMinute; n += 1) assert.is((await fail()).status, 401);
  const slow = await fail();
  assert.is(slow.status, 401);
  assert.ok(slow.tookMs >= LIMITS.slowAnswerMs, String(slow.tookMs));
  const many = await Promise.all(Array.from({ length: 6 }, fail));
  assert.ok(many.some(({ status }) => status === 429));
  /* Who can say who it is does not wait for them. */
  const { token } = await tokenFor(context, { name: 'good', role: 'viewer' });
  assert.is((await ask(tlsAs(context), { path: '/v1', token })).status, 200);
});

test('one user of the unix socket cannot take all connections', async (context) => {
  const { unix } = context;
  const sockets = Array.from({ length: 25 }, () => connectUnix(unix.socketPath).on('error', () => undefined));
  let closed = 0;
  for (const socket of sockets)
    socket.on('close', () => {
      closed += 1;
    });
  await waitFor(() => closed >= 25 - LIMITS.connectionsPerUser, { what: 'the ones too many to be closed' });
  assert.is(closed, 25 - LIMITS.connectionsPerUser);
  for (const socket of sockets) socket.destroy();
  await waitFor(async () => (await ask(unix, { path: '/v1' }).catch(() => null))?.status === 200, {
    what: 'room',
  });
});

test('who hangs up before the answer is told of as who it was', async (context) => {
  const accepted = once(context.app.server.server, 'connection');
  const client = connectUnix(context.unix.socketPath);
  const [socket] = (await accepted) as [Socket];
  const closed = once(socket, 'close');
  client.destroy();
  await within(closed, 5_000, 'the end of the connection');
  assert.is(origin(socket), `uid ${process.getuid?.()}`);
});

test('the audit says where it came from, and tells of consoles that were opened', async (context) => {
  await ask(tlsAs(context), { path: '/v1/machines', token: 'wrong' });
  await ask(context.unix, { method: 'POST', path: '/v1/machines/none/start' });
  const { entries } = (await call(context.app, 'GET', '/v1/audit?order=oldest')).body;
  assert.equal(
    entries.map(({ origin, requester, status }: Record<string, unknown>) => [origin, requester, status]),
    [
      ['127.0.0.1', 'unknown', 401],
      [`uid ${process.getuid?.()}`, entries[1].requester, 404],
    ],
  );
  assert.match(entries[1].requester, /^unix:/);
});

if (hasOpenssl()) test.run();
else skipSuite('limits of access', 'openssl is not here: apt install openssl');
