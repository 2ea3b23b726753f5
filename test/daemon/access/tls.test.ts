/** TCP with TLS: client certificates, what speaks no TLS, old versions, new files, and bounds. */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect as connectTcp, createServer } from 'node:net';
import { connect } from 'node:tls';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import { TlsListener } from '../../../daemon/tls-listener.js';
import { hasOpenssl, renewServer } from '../../helpers/certificates.js';
import { duplicate } from '../../helpers/duplicate.js';
import { skipSuite } from '../../helpers/skip.js';
import { waitFor, within } from '../../helpers/wait.js';
import { ask } from './client.js';
import { endTls, startTls, type TlsContext, tlsAs, tokenFor } from './tls-fixture.js';

const RULES = [{ name: 'alice@ops', role: 'operator', commonName: 'alice', fingerprint256: null }] as const;
const START = { method: 'POST', path: '/v1/machines/none/start' };

const test = suite<TlsContext>('access over TLS');

test.before.each((context) => startTls(context, { access: { certificates: RULES } }));
test.after.each(endTls);

/** The serial number of the certificate that the daemon shows. */
async function serial({ port, certificates: { ca } }: TlsContext): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, ca: ca.cert });
  await once(socket, 'secureConnect');
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

test('a certificate of the authority is whose the rules say, with that role', async (context) => {
  const { alice, bob } = context.certificates;
  assert.is((await ask(tlsAs(context, alice), START)).body.code, 'machine_not_found');
  const refused = await ask(tlsAs(context, alice), { method: 'DELETE', path: '/v1/builds/none' });
  assert.match(refused.body.detail, 'alice@ops has the role operator');
  const { status, body } = await ask(tlsAs(context, bob), START);
  assert.equal([status, body.code], [401, 'unauthenticated']);
  assert.match(body.detail, 'no rule of the configuration says whose it is');
});

test('a caller is told who it is', async (context) => {
  const { body } = await ask(tlsAs(context, context.certificates.alice), { path: '/v1/whoami' });
  const { expiresAt, credential, ...caller } = body;
  assert.equal(caller, {
    name: 'alice@ops',
    via: 'certificate',
    role: 'operator',
    uid: null,
    address: '127.0.0.1',
    machines: null,
  });
  assert.is(credential, new X509Certificate(context.certificates.alice.cert).fingerprint256);
  assert.ok(Date.parse(expiresAt) > Date.now());
  const root = await ask(context.unix, { path: '/v1/whoami' });
  assert.equal([root.body.via, root.body.role, root.body.uid], ['unix', 'admin', process.getuid?.()]);
});

test('the same name by another authority, and an expired certificate, are nobody', async (context) => {
  const { expired, foreign } = context.certificates;
  for (const pair of [expired, foreign]) {
    const { status, body } = await ask(tlsAs(context, pair), { path: '/v1' });
    assert.equal([status, body.code], [401, 'unauthenticated']);
  }
});

test('a certificate can be meant by its fingerprint: that one, whatever its name', async (context) => {
  await endTls(context);
  await startTls(context, {
    access: ({ bob }) => {
      const fingerprint256 = new X509Certificate(bob.cert).fingerprint256.toLowerCase();
      return { certificates: [{ name: 'one', role: 'viewer', commonName: null, fingerprint256 }] };
    },
  });
  const { alice, bob } = context.certificates;
  assert.match((await ask(tlsAs(context, bob), START)).body.detail, 'one has the role viewer');
  assert.is((await ask(tlsAs(context, alice), START)).status, 401);
});

test('what another site has the browser of an owner ask is refused; what its own page asks is not', async (context) => {
  const alice = tlsAs(context, context.certificates.alice);
  const from = (origin: string) => ask(alice, { ...START, headers: { origin } });
  for (const origin of ['https://evil.example', 'null', `https://127.0.0.1:1`]) {
    assert.equal([(await from(origin)).status, (await from(origin)).body.code], [403, 'forbidden'], origin);
  }
  assert.is((await from(`https://127.0.0.1:${context.port}`)).body.code, 'machine_not_found');
  const { cert, key } = context.certificates.alice;
  const socket = new WebSocket(`wss://127.0.0.1:${context.port}/v1/events`, {
    ca: context.certificates.ca.cert,
    cert,
    key,
    origin: 'https://evil.example',
  });
  const status = await new Promise((resolve) => {
    socket.on('unexpected-response', (_request, response) => resolve(response.statusCode));
    socket.on('open', () => resolve(101));
  });
  assert.is(status, 403);
  socket.on('error', () => undefined).terminate();
});

test('a token beside a certificate is who asks; a wrong one is nobody', async (context) => {
  const { token } = await tokenFor(context, { name: 'low', role: 'viewer' });
  const alice = tlsAs(context, context.certificates.alice);
  assert.match((await ask(alice, { ...START, token })).body.detail, 'low has the role viewer');
  assert.is((await ask(alice, { ...START, token: 'x' })).status, 401);
});

test('what speaks no TLS, or an old one, gets no answer', async ({ port }) => {
  const plain = connectTcp(port, '127.0.0.1');
  plain.on('error', () => undefined);
  let heard = '';
  plain.on('data', (data) => {
    heard += data.toString('latin1');
  });
  plain.end('GET /v1 HTTP/1.1\r\nhost: x\r\n\r\n');
  await within(once(plain, 'close'), 5_000, 'the connection to be closed');
  assert.not.match(heard, 'HTTP');
  const old = connect({
    port,
    host: '127.0.0.1',
    maxVersion: 'TLSv1.1',
    minVersion: 'TLSv1',
    ciphers: 'DEFAULT:@SECLEVEL=0',
    rejectUnauthorized: false,
  });
  const [error] = await within(
    once(old, 'error').catch((thrown) => [thrown]),
    5_000,
    'a refusal',
  );
  assert.match(String(error), /protocol|alert|version|reset|EPROTO/i);
});

test('events come over TLS as over the unix socket', async (context) => {
  const {
    port,
    certificates: { ca, alice },
  } = context;
  const socket = new WebSocket(`wss://127.0.0.1:${port}/v1/events?after=0`, {
    ca: ca.cert,
    cert: alice.cert,
    key: alice.key,
  });
  const frames: string[] = [];
  socket.on('message', (data) => frames.push(String(data)));
  await within(once(socket, 'open'), 5_000, 'the connection');
  const { store } = context.app.services;
  store.durably(() =>
    store.emit({ type: 'baton.machine.created', subject: 'machines/x', data: { name: 'x' } }),
  );
  await waitFor(() => frames.length > 0, { what: 'an event' });
  assert.match(frames[0] ?? '', 'baton.machine.created');
  const closed = once(socket, 'close');
  await context.app.close(5_000);
  assert.equal((await within(closed, 5_000, 'the stream to be closed'))[0], 1001);
});

test('files that were renewed are used when they are read again; wrong ones change nothing', async (context) => {
  const before = await serial(context);
  renewServer(context.folders.path, context.certificates);
  assert.is(await serial(context), before);
  context.listener.reload();
  const after = await serial(context);
  assert.is.not(after, before);
  writeFileSync(context.certificates.server.certFile, 'no certificate');
  assert.throws(() => context.listener.reload());
  assert.is(await serial(context), after);
});

test('a certificate without its key is refused before anything listens', ({ certificates, app }) => {
  const files = { cert: certificates.alice.certFile, key: certificates.bob.keyFile, clientCa: null };
  assert.throws(
    () => new TlsListener({ files, http: app.server.server }),
    /key values mismatch|expected certificate/,
  );
  const none = { ...files, cert: '/none' };
  assert.throws(
    () => new TlsListener({ files: none, http: app.server.server }),
    /expected certificate and key for TLS/,
  );
});

test('a socket that somebody else listens on is taken over, as by socket activation', async (context) => {
  const { app, certificates } = context;
  const outer = createServer().listen(0, '127.0.0.1');
  await once(outer, 'listening');
  const { port } = outer.address() as AddressInfo;
  const { fd } = (outer as unknown as { _handle: { fd: number } })._handle;
  const files = { cert: certificates.server.certFile, key: certificates.server.keyFile, clientCa: null };
  const listener = new TlsListener({ files, http: app.server.server });
  await listener.listen({ fd: duplicate(fd) });
  outer.close();
  const { token } = await tokenFor(context, { name: 'activated', role: 'viewer' });
  const where = { host: '127.0.0.1', port, ca: certificates.ca.cert } as const;
  assert.is((await ask(where, { path: '/v1', token })).status, 200);
  assert.is((await ask(where, { path: '/v1' })).status, 401);
  await listener.close();
});

test('a peer that says nothing is probed, so that one that is gone is noticed', async ({
  port,
  certificates,
}) => {
  const socket = connect({ port, host: '127.0.0.1', ca: certificates.ca.cert });
  await once(socket, 'secureConnect');
  const place = (number: number | undefined) =>
    `0100007F:${number?.toString(16).toUpperCase().padStart(4, '0')}`;
  const isProbed = () => {
    const lines = readFileSync('/proc/net/tcp', 'latin1').split('\n');
    const fields = lines.map((line) => line.trim().split(/\s+/));
    const ours = fields.find(
      ([, local, remote]) => local === place(port) && remote === place(socket.localPort),
    );
    return ours?.[5]?.startsWith('02:');
  };
  await waitFor(isProbed, { what: 'the timer of the probes' });
  socket.destroy();
});

test('connections of one network are bounded; those that end make room', async (context) => {
  await endTls(context);
  await startTls(context, { listener: { maxConnectionsPerNetwork: 2 } });
  const {
    port,
    certificates: { ca },
  } = context;
  const open = () => connect({ port, host: '127.0.0.1', ca: ca.cert }).on('error', () => undefined);
  const first = [open(), open()];
  await Promise.all(first.map((socket) => once(socket, 'secureConnect')));
  const third = open();
  await within(new Promise((resolve) => third.on('close', resolve)), 5_000, 'the third to be refused');
  first[0]?.destroy();
  await waitFor(
    async () => {
      const socket = open();
      const isIn = await new Promise<boolean>((resolve) => {
        socket.on('secureConnect', () => resolve(true)).on('close', () => resolve(false));
      });
      socket.destroy();
      return isIn;
    },
    { what: 'room for another connection' },
  );
  first[1]?.destroy();
});

if (hasOpenssl()) test.run();
else skipSuite('access over TLS', 'openssl is not here: apt install openssl');
