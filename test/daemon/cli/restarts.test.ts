/** baton against a daemon that is killed meanwhile: it comes back to it, and loses nothing. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { echo } from '../../guests/echo.js';
import { waitFor, within } from '../../helpers/wait.js';
import { type Folders, makeFolders, tearDown } from '../fixture.js';
import { MortalDaemon } from '../mortal-daemon.js';
import { BATON, baton, environment } from './cli-under-test.js';
import { TerminalUnderTest } from './terminal-under-test.js';

interface Context {
  folders: Folders;
  daemon: MortalDaemon;
  socket: string;
}

const test = suite<Context>('baton, the daemon is killed');

test.before.each(async (context) => {
  context.folders = await makeFolders();
  context.daemon = new MortalDaemon(context.folders);
  context.socket = `${context.folders.runtimeDir}/batond.sock`;
  await context.daemon.start();
  const kernel = `${context.folders.path}/echo.bin`;
  writeFileSync(kernel, echo().bytes);
  const made = await baton(context.socket, [
    'machine',
    'create',
    'web1',
    '-m',
    '32M',
    '--kernel',
    kernel,
    '--start',
  ]);
  assert.is(made.exitCode, 0, made.stderr);
});

test.after.each(async ({ daemon, folders }) => {
  await daemon.kill();
  await tearDown(folders, null);
});

function start(socket: string, args: readonly string[]) {
  const child = spawn(process.execPath, [BATON, ...args], {
    env: environment(socket),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => {
    said.stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    said.stderr += chunk;
  });
  return { child, said, closed: once(child, 'close') as Promise<[number | null]> };
}

test('in the middle of event watch: every sequence once, in order', async ({ daemon, socket, folders }) => {
  const { child, said, closed } = start(socket, ['event', 'watch', '--after', '0', '--json']);
  const count = () => said.stdout.split('\n').length - 1;
  try {
    await waitFor(() => count() >= 5, { what: 'the first events' });
    for (let round = 0; round < 2; round++) {
      await daemon.kill();
      await waitFor(() => said.stderr.split('connection lost').length > round + 1, {
        what: 'the loss to be told',
      });
      await daemon.start();
      const before = count();
      await baton(socket, ['machine', 'create', `other${round}`, '-m', '8M', '--kernel', folders.kernel]);
      await waitFor(() => count() > before, { what: 'the events to go on' });
    }
  } finally {
    child.kill('SIGINT');
  }
  const [code] = await within(closed, 10_000, 'baton to end');
  assert.is(code, 130);
  const sequences = said.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).seq);
  assert.equal(
    sequences,
    sequences.map((_, index) => index + 1),
  );
});

test('in the middle of upgrade watch, after the commit: it shows the rest, and that it succeeded', async ({
  daemon,
  socket,
}) => {
  daemon.dieAt('begun:release-source');
  const { said, closed } = start(socket, ['upgrade', 'start', 'web1']);
  await daemon.died();
  await waitFor(() => said.stderr.includes('connection lost'), { what: 'the loss to be told' });
  await daemon.start();
  const [code] = await within(closed, 30_000, 'baton to end');
  assert.is(code, 0, said.stderr);
  for (const step of ['preflight', 'transfer', 'commit', 'release-source']) {
    assert.is(said.stdout.split(`web1: ${step} done`).length, 2, said.stdout);
  }
  assert.match(said.stdout, /✓ web1 runs on/);
});

test('in the middle of upgrade watch, before the commit: it ends with 1 and says why', async ({
  daemon,
  socket,
}) => {
  daemon.dieAt('begun:transfer');
  const { said, closed } = start(socket, ['upgrade', 'start', 'web1', '--json']);
  await daemon.died();
  await daemon.start();
  const [code] = await within(closed, 30_000, 'baton to end');
  assert.is(code, 1, said.stderr);
  const last = JSON.parse(said.stdout.trim().split('\n').at(-1) ?? '');
  assert.equal([last.state, last.reason.code], ['rolled-back', 'daemon_restarted']);
});

test('under a console: what is typed meanwhile reaches the guest, and nothing comes twice', async ({
  daemon,
  socket,
}) => {
  const terminal = new TerminalUnderTest(80);
  try {
    const child = terminal.start(socket, ['machine', 'console', 'web1']);
    await terminal.shows(/\[connected to/);
    terminal.type('before');
    await terminal.shows(/before/);
    await daemon.kill();
    await terminal.shows(/\[connection lost, coming back\]/);
    terminal.type('meanwhile');
    await daemon.start();
    await terminal.shows(/\[connected again\].*meanwhile/s);
    assert.is(terminal.shown.match(/before/g)?.length, 1);
    terminal.type('\x1d');
    assert.is(await terminal.ended(child), 0);
  } finally {
    terminal.close();
  }
});

test('while an operation is waited for: the wait goes on with the next daemon', async ({
  daemon,
  socket,
}) => {
  const { said, closed } = start(socket, ['machine', 'stop', 'web1', '--grace', '20s', '--debug']);
  await waitFor(() => said.stderr.includes('POST'), { what: 'the stop to be asked for' });
  await daemon.kill();
  await daemon.start();
  const [code] = await within(closed, 40_000, 'baton to end');
  assert.ok(code === 0 || (code === 1 && /the daemon ended during the stop/.test(said.stderr)), said.stderr);
});

test.run();
