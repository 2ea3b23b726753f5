import { writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Config, ConfigError, parseCommandLine } from '../../daemon/config.js';
import { similarWord } from '../../daemon/similar-word.js';
import { type TempDir, tempDir } from '../helpers/temp-dir.js';

const test = suite<{ dir: TempDir }>('configuration');

test.before.each(async (context) => {
  context.dir = await tempDir();
});
test.after.each(async ({ dir }) => dir.remove());

function read({ dir }: { dir: TempDir }, text: string, args: readonly string[] = []): Config {
  const path = `${dir.path}/batond.yaml`;
  writeFileSync(path, text);
  const request = parseCommandLine(['--config', path, ...args]);
  if (request.action !== 'run') throw new Error('expected a configuration to run with');
  return request.config;
}

function refusal(context: { dir: TempDir }, text: string, args: readonly string[] = []): string {
  try {
    read(context, text, args);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.replace(`${context.dir.path}/`, '');
    throw error;
  }
  throw new Error('expected the configuration to be refused');
}

test('an empty file is the installation of a host', (context) => {
  const { file: _, ...config } = read(context, '');
  assert.equal(config, {
    stateDir: '/var/lib/baton',
    runtimeDir: '/run/baton',
    socketPath: '/run/baton/batond.sock',
    socketMode: 0o600,
    socketGroup: null,
    logLevel: 'info',
    consoleLogBytes: 16 * 1024 * 1024,
    keepEvents: 100_000,
    keepAudit: 100_000,
    access: {
      groupRole: 'operator',
      listen: [],
      tls: null,
      certificates: [],
      limits: { requestsPerSecond: 500, changesPerSecond: 100 },
      maxStreams: 100,
    },
    vmm: { units: 'auto', slice: 'baton.slice', user: null, group: null },
    shutdownDeadlineMs: 90_000,
  });
});

test('the command line wins over the file, member by member', (context) => {
  const text =
    'stateDir: /s\nruntimeDir: /r\nlogLevel: warn\nconsoleLogMib: 2\nlisten: { unix: { path: /u, mode: "660" } }';
  const config = read(context, text, ['--log-level', 'debug', '--socket', '/v', '--socket-mode', '600']);
  const { stateDir, runtimeDir, logLevel, socketPath, socketMode, consoleLogBytes } = config;
  assert.equal(
    [stateDir, runtimeDir, logLevel, socketPath, socketMode, consoleLogBytes],
    ['/s', '/r', 'debug', '/v', 0o600, 2 * 1024 * 1024],
  );
});

test('a socket with a group is for the group', (context) => {
  assert.is(read(context, 'listen:\n  unix:\n    group: baton').socketMode, 0o660);
});

test('a section of which all is commented out is as if it were not there', (context) => {
  assert.is(read(context, 'vmm:\n  #user: x\nhost:\n').vmm.user, null);
});

const TLS = ['--tls-cert', '/c.pem', '--tls-key', '/k.pem'];

test('TCP of the file is served with the certificate of the command line', (context) => {
  const { access } = read(context, 'listen: { tcp: [{ port: 8462 }] }', TLS);
  assert.equal(access.listen, [{ address: '::', port: 8462 }]);
  assert.equal(access.tls, { cert: '/c.pem', key: '/k.pem', clientCa: null });
});

test('of an empty file: nobody by TCP, and the group may run machines', (context) => {
  assert.equal(read(context, '').access, {
    groupRole: 'operator',
    listen: [],
    tls: null,
    certificates: [],
    limits: { requestsPerSecond: 500, changesPerSecond: 100 },
    maxStreams: 100,
  });
});

test('who may come from where, of the file', (context) => {
  const text = `
listen: { tcp: [{ port: 8462 }, { address: 192.0.2.1, port: 8463 }] }
tls: { cert: /c, key: /k, clientCa: /ca }
access:
  groupRole: viewer
  certificates: [{ name: deploy, role: operator, commonName: deploy.example.org }]
limits: { audit: 5000, requestsPerSecond: 9, streams: 7 }`;
  const { access, keepAudit } = read(context, text);
  assert.is(keepAudit, 5_000);
  assert.equal(access, {
    groupRole: 'viewer',
    listen: [
      { address: '::', port: 8462 },
      { address: '192.0.2.1', port: 8463 },
    ],
    tls: { cert: '/c', key: '/k', clientCa: '/ca' },
    certificates: [
      { name: 'deploy', role: 'operator', commonName: 'deploy.example.org', fingerprint256: null },
    ],
    limits: { requestsPerSecond: 9, changesPerSecond: 100 },
    maxStreams: 7,
  });
});

test('who may come from where, of the command line, which wins', (context) => {
  const text = 'listen: { unix: { group: one }, tcp: [{ port: 1 }] }\ntls: { cert: /c, key: /k }';
  const args = ['--listen', '[::1]:8462', '--listen', '127.0.0.1:8462', '--group-role', 'admin'];
  const { access, socketGroup } = read(context, text, [...args, ...TLS, '--socket-group', 'two']);
  assert.is(socketGroup, 'two');
  assert.is(access.groupRole, 'admin');
  assert.equal(access.tls, { cert: '/c.pem', key: '/k.pem', clientCa: null });
  assert.equal(access.listen, [
    { address: '::1', port: 8462 },
    { address: '127.0.0.1', port: 8462 },
  ]);
});

for (const [what, args, expected] of [
  ['TCP without TLS', ['--listen', '127.0.0.1:1'], /TCP is served with TLS only/],
  ['a certificate without a key', ['--tls-cert', '/c'], /expected --tls-cert and --tls-key together/],
  ['a name to listen on', ['--listen', 'host:1', ...TLS], /expected --listen ADDRESS:PORT/],
  ['an address without a port', ['--listen', '::1', ...TLS], /expected --listen ADDRESS:PORT/],
  ['a port of 0', ['--listen', '127.0.0.1:0', ...TLS], /expected --listen ADDRESS:PORT/],
  ['an unknown role', ['--group-role', 'root'], /expected --group-role viewer, operator, admin, got root/],
] as const) {
  test(`${what} is refused on the command line`, (context) => {
    assert.match(refusal(context, '', args), expected);
  });
}

for (const [what, text, expected] of [
  [
    'a mistyped member',
    'stateDir: /s\nruntimDir: /r',
    'batond.yaml:2: there is no runtimDir: did you mean runtimeDir?',
  ],
  [
    'a mistyped member of a section',
    'listen:\n  unix:\n\n    groop: x',
    'batond.yaml:4: there is no groop in listen.unix: did you mean group?',
  ],
  [
    'a member that is like nothing',
    'host:\n  color: red',
    'batond.yaml:2: there is no color in host: known are shutdownDeadline',
  ],
  [
    'a number as text',
    'consoleLogMib: "many"',
    'batond.yaml:1: expected consoleLogMib to be of type integer, got "many"',
  ],
  [
    'a word of none',
    'logLevel: loud',
    'batond.yaml:1: expected logLevel to be one of trace, debug, info, warn',
  ],
  ['a relative path', 'stateDir: state', 'batond.yaml:1: expected stateDir to be Inventory, journal'],
  ['no port', 'listen:\n  tcp:\n    - address: "::"', 'batond.yaml:3: expected listen.tcp.0.port, got none'],
  [
    'a port beyond',
    'listen:\n  tcp:\n    - port: 70000',
    'batond.yaml:3: listen.tcp.0.port must be <= 65535, got 70000',
  ],
  ['a list instead of a section', 'host: []', 'batond.yaml:1: expected host to be of type object, got []'],
  ['a list instead of it all', '- a', 'batond.yaml:1: expected the file to be of type object'],
  ['a member twice', 'logLevel: info\nlogLevel: warn', 'batond.yaml:2: Map keys must be unique'],
  ['no YAML', 'a: [', 'batond.yaml:1: Flow sequence in block collection'],
  [
    'TCP without TLS',
    'listen: { tcp: [{ port: 1 }] }',
    'expected tls.cert and tls.key with listen.tcp: TCP is served with TLS only',
  ],
  [
    'a certificate without a mark',
    'access: { certificates: [{ name: a, role: viewer }] }',
    'batond.yaml: certificate a needs one of commonName and fingerprint256',
  ],
  ['a comma in a folder', 'stateDir: /a,b', "state-dir must not have a comma in it, as QEMU's option syntax"],
] as const) {
  test(`${what} is refused in one sentence that says where`, (context) => {
    const message = refusal(context, text);
    assert.ok(message.startsWith(expected), message);
    assert.is(message.split('\n').length, 1);
  });
}

test('aliases that would fill the memory are refused', (context) => {
  const lines = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
  for (const [name, of] of ['ba', 'cb', 'dc', 'ed'].map((pair) => pair.split(''))) {
    lines.push(`${name}: &${name} [${Array(10).fill(`*${of}`).join(', ')}]`);
  }
  assert.match(refusal(context, lines.join('\n')), /alias/i);
});

test('a file that is not there is refused when it was named', () => {
  assert.throws(() => parseCommandLine(['--config', '/nowhere/batond.yaml']), /cannot be read: ENOENT/);
});

test('durations have a unit', (context) => {
  assert.is(read(context, 'host: { shutdownDeadline: 5m }').shutdownDeadlineMs, 300_000);
  assert.match(refusal(context, 'host: { shutdownDeadline: 5 }'), /of type string, got 5/);
});

test('a word is similar with a letter wrong, missing or too much, or written in another manner', () => {
  const known = ['stateDir', 'runtimeDir', 'tls'];
  for (const word of ['statedir', 'state-dir', 'stateDri', 'stateDirs'])
    assert.is(similarWord(word, known), 'stateDir');
  assert.is(similarWord('tsl', ['tcp']), null);
});

test.run();
