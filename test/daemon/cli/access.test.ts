/** baton over TLS, with tokens and certificates: who may, who may not, and what the audit says of it. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hasOpenssl } from '../../helpers/certificates.js';
import { skipSuite } from '../../helpers/skip.js';
import { endTls, startTls, type TlsContext } from '../access/tls-fixture.js';
import { baton, type Ended } from './cli-under-test.js';

interface Context extends TlsContext {
  /** As the daemon's own user, over the unix socket. */
  locally(...args: string[]): Promise<Ended>;
  /** Over TLS, with what the environment says beside the authority. */
  remotely(env: Readonly<Record<string, string>>, ...args: string[]): Promise<Ended>;
}

const test = suite<Context>('baton over TLS');

test.before.each(async (context) => {
  await startTls(context, {
    access: { certificates: [{ name: 'bob', role: 'operator', commonName: 'bob', fingerprint256: null }] },
  });
  const { unix, port, certificates } = context;
  const BATON_HOST = `https://127.0.0.1:${port}`;
  context.locally = (...args) => baton(unix.socketPath, args);
  context.remotely = (env, ...args) =>
    baton('', args, { env: { BATON_HOST, BATON_CA: certificates.ca.certFile, ...env } });
});

test.after.each(async (context) => {
  await endTls(context);
});

test('a token is shown once, or written into a file of its owner; it lets in, and no further than its role', async (context) => {
  const { locally, remotely, folders } = context;
  const file = `${folders.path}/viewer.token`;
  const made = await locally('token', 'create', 'watcher', '--role', 'viewer', '--expires', '1d', '-o', file);
  assert.equal([made.exitCode, made.stdout], [0, ''], made.stderr);
  assert.match(readFileSync(file, 'utf8'), /^baton_[0-9a-f]{16}_\S+\n$/);
  assert.is(statSync(file).mode & 0o777, 0o600);
  assert.is((await remotely({ BATON_TOKEN_FILE: file }, 'machine', 'list')).exitCode, 0);
  const refused = await remotely({ BATON_TOKEN_FILE: file }, 'machine', 'start', 'web1');
  assert.is(refused.exitCode, 5);
  assert.match(refused.stderr, /asks for the role operator, and watcher has the role viewer/);
  const shown = await locally('token', 'create', 'worker', '--role', 'operator');
  const BATON_TOKEN = shown.stdout.trim();
  assert.match(shown.stderr, /It is not shown again: baton token revoke [0-9a-f]{16} ends it/);
  const { exitCode } = await remotely({ BATON_TOKEN }, 'machine', 'start', 'web1');
  assert.is(exitCode, 4);
  const again = await locally('token', 'create', 'third', '--role', 'viewer', '-o', file);
  assert.is(again.exitCode, 2);
  assert.match(again.stderr, /the token was created and could not be written: EEXIST/);
});

test('list and revoke: what is revoked lets nobody in', async ({ locally, remotely }) => {
  const created = JSON.parse((await locally('token', 'create', 'ci', '--role', 'operator', '--json')).stdout);
  assert.match(
    (await locally('token', 'list')).stdout,
    new RegExp(`^ID .*\n${created.id} +ci +operator +all +never`),
  );
  const revoked = await locally('token', 'revoke', created.id);
  assert.equal([revoked.exitCode, revoked.stdout], [0, `${created.id} is revoked.\n`]);
  const refused = await remotely({ BATON_TOKEN: created.token }, 'machine', 'list');
  assert.is(refused.exitCode, 5);
  assert.match(refused.stderr, /the token is not known here/);
  assert.is((await locally('token', 'revoke', created.id)).exitCode, 4);
});

test('options of tokens that make no sense end with 2', async ({ locally }) => {
  for (const [args, complaint] of [
    [['create', 'x'], /required option '--role <role>' not specified/],
    [['create', 'x', '--role', 'root'], /Allowed choices are viewer, operator, admin/],
    [['create', 'x', '--role', 'viewer', '--expires', 'soon'], /expected a duration/],
    [['create', 'x y', '--role', 'viewer'], /name must match pattern/],
  ] as const) {
    const { exitCode, stderr } = await locally('token', ...args);
    assert.is(exitCode, 2, stderr);
    assert.match(stderr, complaint);
  }
});

test('a certificate lets in; without one or a token, nobody is known', async ({
  remotely,
  certificates: { bob },
}) => {
  const pair = ['--cert', bob.certFile, '--key', bob.keyFile];
  assert.is((await remotely({}, 'machine', 'list', ...pair)).exitCode, 0);
  const nobody = await remotely({}, 'machine', 'list');
  assert.is(nobody.exitCode, 5);
  assert.match(nobody.stderr, /\n +baton --token-file <file>/);
});

test('a daemon whose authority is not known is not spoken to', async ({ remotely }) => {
  const { exitCode, stderr } = await remotely({ BATON_CA: '' }, 'machine', 'list');
  assert.is(exitCode, 3);
  assert.match(stderr, /its certificate is not trusted: give its authority with --ca/);
});

test('events come over TLS too', async ({ locally, remotely, certificates: { bob }, folders }) => {
  assert.is((await locally('build', 'add', folders.vmm)).exitCode, 0);
  const pair = ['--cert', bob.certFile, '--key', bob.keyFile];
  const { exitCode, stdout, stderr } = await remotely(
    {},
    'event',
    'watch',
    '--after',
    '0',
    '--count',
    '1',
    '--type',
    'baton.build.*',
    ...pair,
  );
  assert.is(exitCode, 0, stderr);
  assert.match(stdout, /build\.added builds\/\S+ kind=baton .* by unix:/);
});

test('the audit: list, verify and export', async ({ locally, folders }) => {
  await locally('token', 'create', 'ci', '--role', 'viewer');
  const listed = await locally('audit', 'list');
  assert.match(listed.stdout, /^ *SEQ +TIME +WHO +WHAT +STATUS\n.* unix:\S+ +POST \/v1\/tokens +201/);
  const verified = await locally('audit', 'verify');
  assert.match(
    verified.stdout,
    /The audit is whole: \d+ entries\.\nIts head, to be noted elsewhere: \d+:[0-9a-f]{64}\n/,
  );
  const bad = await locally('audit', 'verify', '--head', `1:${'0'.repeat(64)}`);
  assert.is(bad.exitCode, 1);
  assert.match(bad.stderr, /the audit is not what was written/);
  const file = `${folders.path}/audit.jsonl`;
  assert.is((await locally('audit', 'export', '-o', file)).exitCode, 0);
  const sequences = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).seq);
  assert.equal(
    sequences,
    sequences.map((_, index) => index + 1),
  );
  writeFileSync(file, '');
  assert.is((await locally('audit', 'export', '-o', file)).exitCode, 2);
  assert.match((await locally('audit', 'export')).stdout, /^\{"seq":1,/);
});

test('host info and validate', async ({ locally }) => {
  const info = await locally('host', 'info');
  assert.match(info.stdout, /^host +.*Linux .*\nprocessors +\d+\nmemory +.* available\n/);
  assert.match(info.stdout, /\nbatond +\S+ on Node \d+/);
  const validated = await locally('host', 'validate');
  assert.ok(validated.exitCode === 0 || validated.exitCode === 1, validated.stderr);
  assert.match(validated.stdout, /^(good|note|warning|bad) +\S/m);
});

if (hasOpenssl()) test.run();
else skipSuite('baton over TLS', 'openssl is not there');
