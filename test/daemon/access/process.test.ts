/** batond as it is installed, with all ways in at once: its options, its file, its log, and SIGHUP. */
import { type ChildProcess, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Certificates, hasOpenssl, makeCertificates, renewServer } from '../../helpers/certificates.js';
import { skipSuite } from '../../helpers/skip.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';
import { waitFor, within } from '../../helpers/wait.js';
import { ask, askAs, type Where } from './client.js';

const MAIN = fileURLToPath(new URL('../../../daemon/main.js', import.meta.url));
const MEMBER = { uid: 65_534, gid: 65_534, groups: [1] };

interface Context {
  dir: TempDir;
  certificates: Certificates;
  child: ChildProcess;
  log: () => string;
  socket: string;
  port: number;
}

const test = suite<Context>('batond with all ways in');

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

test.before(async (context) => {
  context.dir = await tempDir();
  const { path } = context.dir;
  chmodSync(path, 0o755);
  context.certificates = makeCertificates(path);
  const { server, ca, bob } = context.certificates;
  context.port = await freePort();
  context.socket = `${path}/run/batond.sock`;
  mkdirSync(`${path}/state`);
  const fingerprint = new X509Certificate(bob.cert).fingerprint256;
  writeFileSync(
    `${path}/batond.yaml`,
    `stateDir: ${path}/state
runtimeDir: ${path}/run
logLevel: trace
listen: { unix: { group: daemon }, tcp: [{ address: 127.0.0.1, port: ${context.port} }] }
tls: { cert: ${server.certFile}, key: ${server.keyFile}, clientCa: ${ca.certFile} }
access:
  groupRole: viewer
  certificates:
    - { name: deploy, role: operator, commonName: alice }
    - { name: auditor, role: admin, fingerprint256: "${fingerprint}" }
vmm: { units: never }
`,
  );
  const args = ['--enable-source-maps', MAIN, '--config', `${path}/batond.yaml`];
  context.child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let text = '';
  context.child.stderr?.on('data', (chunk) => {
    text += chunk;
  });
  context.log = () => text;
  await waitFor(() => text.includes('"msg":"listening"'), { deadlineMs: 60_000, what: 'batond to listen' });
});

test.after(async ({ child, dir }) => {
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  const [code] = await within(exit, 30_000, 'batond to end');
  await dir.remove();
  assert.is(code, 0);
});

function over({ port, certificates }: Context, who?: 'alice' | 'bob'): Where {
  const pair = who === undefined ? {} : { cert: certificates[who].cert, key: certificates[who].key };
  return { host: '127.0.0.1', port, ca: certificates.ca.cert, ...pair };
}

async function serial({ port, certificates: { ca } }: Context): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, ca: ca.cert });
  await once(socket, 'secureConnect');
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

test('everybody is who the configuration says', async (context) => {
  const { socket } = context;
  const whoami = async (where: Where) => {
    const { body } = await ask(where, { path: '/v1/whoami' });
    return [body.via, body.name, body.role];
  };
  assert.equal(await whoami(over(context, 'alice')), ['certificate', 'deploy', 'operator']);
  assert.equal(await whoami(over(context, 'bob')), ['certificate', 'auditor', 'admin']);
  assert.is((await whoami({ socketPath: socket }))[2], 'admin');
  assert.is((await ask(over(context), { path: '/v1/whoami' })).status, 401);
  const member = await askAs(MEMBER, socket, { path: '/v1/whoami' });
  assert.equal([member.body.role, member.body.uid], ['viewer', MEMBER.uid]);
});

test('the log has each entry of the audit with its hash, and no secret', async (context) => {
  const { log } = context;
  const created = await ask(over(context, 'bob'), {
    method: 'POST',
    path: '/v1/tokens',
    body: JSON.stringify({ name: 'ci', role: 'viewer' }),
  });
  assert.is(created.status, 201);
  const { token } = created.body;
  assert.is((await ask(over(context), { path: '/v1/machines', token })).status, 200);
  assert.is((await ask(over(context), { path: '/v1/machines', token: `${token}x` })).status, 401);
  const verdict = await ask(over(context, 'bob'), { path: '/v1/audit/verify' });
  assert.is(verdict.body.isWhole, true);
  const { seq, hash } = verdict.body.head;
  const told = log()
    .split('\n')
    .filter((line) => line.includes('"msg":"audit"'))
    .map((line) => JSON.parse(line).audit);
  assert.equal([told.at(-1).seq, told.at(-1).hash], [seq, hash]);
  assert.ok(
    told.some(({ requester, route }) => requester === 'certificate:auditor' && route === '/v1/tokens'),
  );
  assert.not.ok(log().includes(token.slice(-43)));
});

test('SIGHUP has it show a renewed certificate; one that is broken changes nothing', async (context) => {
  const { dir, certificates, child, log } = context;
  const before = await serial(context);
  renewServer(dir.path, certificates);
  child.kill('SIGHUP');
  await waitFor(async () => (await serial(context)) !== before, { what: 'the renewed certificate' });
  const after = await serial(context);
  writeFileSync(certificates.server.certFile, 'broken');
  child.kill('SIGHUP');
  await waitFor(() => log().includes('is not sound'), { what: 'the complaint' });
  assert.is(await serial(context), after);
  assert.is((await ask(over(context, 'alice'), { path: '/v1/whoami' })).status, 200);
});

if (!hasOpenssl()) skipSuite('batond with all ways in', 'openssl is not here: apt install openssl');
else if (process.getuid?.() !== 0) skipSuite('batond with all ways in', 'only root can be other users');
else test.run();
