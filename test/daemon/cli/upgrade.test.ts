/** baton preflight and baton upgrade …: on a terminal and without, through kills of the daemon. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createRunning, registerFake } from '../fixture.js';
import { openStage, type Stage } from './cli-under-test.js';
import { TerminalUnderTest } from './terminal-under-test.js';

interface Context {
  stage: Stage;
}

const test = suite<Context>('baton upgrade');

test.before.each(async (context) => {
  context.stage = await openStage();
});

test.after.each(async ({ stage }) => {
  await stage.close();
});

test('start shows each step once, and the pause', async ({ stage: { run, app, folders } }) => {
  await createRunning(app, folders);
  const { exitCode, stdout, stderr } = await run('upgrade', 'start', 'm');
  assert.equal([exitCode, stderr], [0, '']);
  assert.match(
    stdout,
    /^m: (baton-\S+) → \1\nm: preflight done in .*\nm: by cpr-transfer: .*\nm: prepare-source done in /,
  );
  for (const step of ['start-target', 'transfer', 'hand-over', 'verify', 'commit', 'release-source']) {
    assert.is(stdout.split(`m: ${step} done in `).length, 2, step);
  }
  assert.match(stdout, /\n✓ m runs on baton-\S+; its guest stood still for [\d.]+ ms\.\n$/);
  const listed = await run('upgrade', 'list');
  assert.match(listed.stdout, /m +succeeded +cpr-transfer +baton-\S+ +[\d.]+ ms/);
  const shown = await run('upgrade', 'show', 'm');
  assert.match(shown.stdout, /STEP +RESULT +TOOK\npreflight +done/);
  assert.match(shown.stdout, /pause +[\d.]+ ms/);
});

test('on a terminal one block changes in place, in colours; NO_COLOR takes them away', async ({ stage }) => {
  const { app, folders, socket } = stage;
  await createRunning(app, folders);
  for (const [env, isColoured] of [
    [{}, true],
    [{ NO_COLOR: '1' }, false],
  ] as const) {
    const terminal = new TerminalUnderTest(80);
    try {
      assert.is(await terminal.ended(terminal.start(socket, ['upgrade', 'start', 'm'], env)), 0);
      assert.match(terminal.shown, 'A\x1b[0J');
      assert.match(terminal.text, /✓ commit/);
      assert.is(terminal.shown.includes('\x1b[32m'), isColoured);
    } finally {
      terminal.close();
    }
  }
});

test('one that goes back ends with 1, its reason, the words of the VMM and the remedy', async ({ stage }) => {
  const { run, app, folders } = stage;
  await createRunning(app, folders);
  const target = await registerFake(app, folders, 'rejects-load');
  const { exitCode, stdout, stderr } = await run('upgrade', 'start', 'm', '--to', target);
  assert.is(exitCode, 1);
  assert.match(stdout, /✗ the upgrade of m has gone back; it runs on baton-\S+ as before\./);
  assert.match(stdout, /→ /);
  assert.match(stderr, /^baton: the upgrade of m has gone back: /);
  const watched = await run('upgrade', 'watch', 'm');
  assert.is(watched.exitCode, 1);
  assert.match((await run('upgrade', 'list', '--state', 'rolled-back')).stdout, /rolled-back/);
});

test('--json: a document at each change, the last one is the end', async ({
  stage: { run, app, folders },
}) => {
  await createRunning(app, folders);
  const { exitCode, stdout } = await run('upgrade', 'start', 'm', '--json');
  assert.is(exitCode, 0);
  const documents = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.is(documents.at(-1).state, 'succeeded');
  assert.ok(documents.length > 2);
});

test('--no-wait, watch and --timeout', async ({ stage: { run, app, folders } }) => {
  await createRunning(app, folders);
  const target = await registerFake(app, folders, 'no-monitor');
  const begun = await run('upgrade', 'start', 'm', '--to', target, '--no-wait');
  const [, id = ''] = /baton upgrade watch (\S+)\n/.exec(begun.stdout) ?? [];
  const watched = await run('upgrade', 'watch', id.slice(0, 8), '--timeout', '500ms');
  assert.is(watched.exitCode, 7, watched.stderr);
  assert.match(watched.stderr, /the upgrade of m has not ended in time, and goes on\n +baton upgrade watch /);
  const cancelled = await run('upgrade', 'cancel', 'm');
  assert.equal([cancelled.exitCode, cancelled.stdout], [0, 'The upgrade is cancelled.\n'], cancelled.stderr);
  assert.is((await run('upgrade', 'cancel', 'm')).exitCode, 6);
});

test('preflight says what it found, and ends with 0 or 1', async ({ stage: { run, app, folders } }) => {
  await createRunning(app, folders);
  const good = await run('preflight', 'm', '--no-rehearse');
  assert.is(good.exitCode, 0, good.stderr);
  assert.match(good.stdout, /^m to baton-\S+: can-upgrade\n +by cpr-transfer: .*\n/);
  assert.match(good.stdout, /note .* \(same_build\)\n +→ /);
  const target = await registerFake(app, folders, 'rejects-rehearsal');
  const bad = await run('preflight', 'm', '--to', target, '--mode', 'cpr-transfer');
  assert.is(bad.exitCode, 1);
  assert.match(bad.stdout, /blocks .* \(rehearsal_\w+\)\n +→ /);
  assert.match(bad.stderr, /^baton: m cannot be upgraded so: rehearsal_/);
  const refused = await run('upgrade', 'start', 'm', '--to', target, '--mode', 'cpr-transfer');
  assert.is(refused.exitCode, 1);
  assert.match(refused.stderr, /preflight_blocked\n +baton preflight m\n/);
  const { exitCode, stdout } = await run('upgrade', 'start', 'm', '--dry-run', '--json');
  assert.equal([exitCode, JSON.parse(stdout).verdict], [0, 'can-upgrade']);
});

test('a build that is not there, or may be several, is said before anything is asked', async ({ stage }) => {
  const { run, app, folders } = stage;
  await createRunning(app, folders);
  await registerFake(app, folders, 'no-monitor');
  const absent = await run('upgrade', 'start', 'm', '--to', 'absent');
  assert.is(absent.exitCode, 4);
  assert.match(absent.stderr, /there is no build absent/);
  const several = await run('upgrade', 'start', 'm', '--to', 'baton-');
  assert.is(several.exitCode, 2);
  assert.match(several.stderr, /may be any of 2 builds/);
  const path = await run('upgrade', 'start', 'm', '--to', '/usr/bin/absent');
  assert.match(path.stderr, /baton build add \/usr\/bin\/absent/);
  assert.is((await run('upgrade', 'start', 'm', '--mode', 'cpr-magic')).exitCode, 2);
  assert.is((await run('upgrade', 'watch', 'm')).exitCode, 4);
});

test.run();
