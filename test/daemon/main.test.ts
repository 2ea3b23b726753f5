/** batond as it is installed: arguments, folders, lock, socket, signals. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type TempDir, tempDir } from '../helpers/temp-dir.js';
import { waitFor, within } from '../helpers/wait.js';

const MAIN = fileURLToPath(new URL('../../daemon/main.js', import.meta.url));

interface Context {
  dir: TempDir;
  children: ChildProcess[];
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const test = suite<Context>('batond');

test.before.each(async (context) => {
  context.dir = await tempDir();
  context.children = [];
});

test.after.each(async ({ dir, children }) => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await dir.remove();
});

function start({ children }: Context, args: readonly string[]) {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => {
    output.stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    output.stderr += chunk;
  });
  return { child, output };
}

async function ended(context: Context, args: readonly string[]): Promise<Ended> {
  const { child, output } = start(context, args);
  const [code] = await within(once(child, 'close'), 20_000, 'batond to end');
  return { code, ...output };
}

function folders({ dir }: Context): string[] {
  return ['--state-dir', `${dir.path}/s`, '--runtime-dir', `${dir.path}/r`];
}

async function listening(context: Context, args: readonly string[], socket: string) {
  const { child, output } = start(context, args);
  await waitFor(
    () => {
      if (child.exitCode !== null) throw new Error(output.stderr);
      return output.stderr.includes('"msg":"listening"') && existsSync(socket);
    },
    { deadlineMs: 20_000, what: 'batond to listen' },
  );
  return { child, output };
}

test('--help and --version', async (context) => {
  const help = await ended(context, ['--help']);
  assert.is(help.code, 0);
  for (const option of ['--state-dir', '--runtime-dir', '--socket', '--log-level']) {
    assert.match(help.stdout, option);
  }
  const version = await ended(context, ['--version']);
  assert.match(version.stdout, /^batond \d+\.\d+\.\d+\n$/);
});

for (const [what, args, complaint] of [
  ['no folders', [], /expected --state-dir DIR, got none/],
  ['no runtime folder', ['--state-dir', '/tmp/x'], /expected --runtime-dir DIR, got none/],
  ['an unknown option', ['--statedir', '/tmp/x'], /Unknown option '--statedir'/],
  ['a word too much', ['--state-dir', '/tmp/x', 'y'], /Unexpected argument 'y'/],
  ['a wrong level', ['--state-dir', '/s', '--runtime-dir', '/r', '--log-level', 'loud'], /got loud/],
  [
    'a wrong mode',
    ['--state-dir', '/s', '--runtime-dir', '/r', '--socket-mode', '777'],
    /600 or 660, got 777/,
  ],
  ['a comma in a folder', ['--state-dir', '/s,s', '--runtime-dir', '/r'], /comma/],
  [
    'a runtime folder too long for sockets',
    ['--state-dir', '/s', '--runtime-dir', `/${'r'.repeat(90)}`],
    /--runtime-dir .* is too long: unix sockets allow it at most 80 bytes, it has 91/,
  ],
  [
    'a socket path too long',
    ['--state-dir', '/s', '--runtime-dir', '/r', '--socket', `/${'r'.repeat(110)}`],
    /--socket .* is too long/,
  ],
] as const) {
  test(`${what}: one sentence and exit code 2`, async (context) => {
    const { code, stderr } = await ended(context, args);
    assert.is(code, 2, stderr);
    assert.match(stderr, complaint);
    assert.is(stderr.trim().split('\n').length, 1);
  });
}

test('folders and socket are for the user of the daemon only; SIGTERM ends it with 0', async (context) => {
  const socket = `${context.dir.path}/r/batond.sock`;
  const { child } = await listening(context, folders(context), socket);
  for (const path of ['s', 'r']) assert.is(statSync(`${context.dir.path}/${path}`).mode & 0o777, 0o700);
  assert.is(statSync(socket).mode & 0o777, 0o600);
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  assert.equal(await within(exit, 10_000, 'batond to end'), [0, null]);
  assert.not.ok(existsSync(socket));
});

test('a daemon of root says when its VMMs run as root too', async (context) => {
  const config = `${context.dir.path}/batond.yaml`;
  const socket = `${context.dir.path}/r/batond.sock`;
  const said = async (text: string) => {
    writeFileSync(config, text);
    const { child, output } = await listening(context, ['--config', config, ...folders(context)], socket);
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    await within(exit, 10_000, 'batond to end');
    return output.stderr.includes('"msg":"VMMs run as root:');
  };
  const isRoot = process.getuid?.() === 0;
  assert.is(await said(''), isRoot);
  if (isRoot) assert.not.ok(await said('vmm: { user: nobody }'));
});

test('a second daemon on the same state is refused with who has it', async (context) => {
  const socket = `${context.dir.path}/r/batond.sock`;
  const { child } = await listening(context, folders(context), socket);
  const { code, stderr } = await ended(context, [
    ...folders(context),
    '--socket',
    `${context.dir.path}/2.sock`,
  ]);
  assert.is(code, 1);
  assert.match(stderr, new RegExp(`another batond \\(pid ${child.pid}\\) uses .*/s`));
});

test('a second daemon on the same socket is refused', async (context) => {
  const socket = `${context.dir.path}/r/batond.sock`;
  await listening(context, folders(context), socket);
  const other = ['--state-dir', `${context.dir.path}/s2`, '--runtime-dir', `${context.dir.path}/r`];
  const { code, stderr } = await ended(context, other);
  assert.is(code, 1);
  assert.match(stderr, /listens on .*batond\.sock already/);
});

test('a socket left by a daemon that was killed is replaced, another file is not', async (context) => {
  const socket = `${context.dir.path}/r/batond.sock`;
  const first = await listening(context, folders(context), socket);
  const exit = once(first.child, 'exit');
  first.child.kill('SIGKILL');
  await exit;
  assert.ok(existsSync(socket));
  await listening(context, [...folders(context), '--socket-mode', '660'], socket);
  assert.is(statSync(socket).mode & 0o777, 0o660);
  writeFileSync(`${context.dir.path}/file`, 'mine');
  const other = ['--state-dir', `${context.dir.path}/s2`, '--runtime-dir', `${context.dir.path}/r2`];
  const { code, stderr } = await ended(context, [...other, '--socket', `${context.dir.path}/file`]);
  assert.is(code, 1);
  assert.match(stderr, /to be free or a socket, but another file is there/);
});

test('a damaged store: one sentence, and nothing is changed', async (context) => {
  mkdirSync(`${context.dir.path}/s`);
  writeFileSync(`${context.dir.path}/s/batond.sqlite`, 'no database '.repeat(1_000));
  const { code, stderr } = await ended(context, folders(context));
  assert.is(code, 1);
  assert.match(stderr, /batond\.sqlite is not a sound database .*put a copy of it back/);
});

test.run();
