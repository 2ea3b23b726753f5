/** baton machine console on a terminal: keys, escape, upgrades, restarts of the daemon, and the terminal afterwards. */

import { writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { echo } from '../../guests/echo.js';
import { waitFor } from '../../helpers/wait.js';
import { baton, openStage, type Stage } from './cli-under-test.js';
import { TerminalUnderTest } from './terminal-under-test.js';

interface Context {
  stage: Stage;
  terminal: TerminalUnderTest;
}

const test = suite<Context>('baton machine console');

test.before.each(async (context) => {
  context.stage = await openStage();
  context.terminal = new TerminalUnderTest(80);
  const { run, folders } = context.stage;
  const kernel = `${folders.path}/echo.bin`;
  writeFileSync(kernel, echo().bytes);
  const made = await run('machine', 'create', 'web1', '-m', '32M', '--kernel', kernel, '--start');
  assert.is(made.exitCode, 0, made.stderr);
});

test.after.each(async ({ stage, terminal }) => {
  terminal.close();
  await stage.close();
});

test('keys reach the guest as they are typed, Ctrl-C too; Ctrl-] leaves and gives the terminal back', async ({
  stage,
  terminal,
}) => {
  const before = terminal.settings;
  const child = terminal.start(stage.socket, ['machine', 'console', 'web1']);
  await terminal.shows(/\[connected to web1, which is running; \^\] leaves it\]/);
  await waitFor(() => terminal.settings !== before, { what: 'the terminal to be raw' });
  terminal.type('hello\x03world');
  await terminal.shows(/hello.*world/s);
  terminal.type('\x1d');
  assert.is(await terminal.ended(child), 0);
  assert.is(terminal.settings, before);
  assert.match((await stage.run('machine', 'list')).stdout, /web1 +running/);
});

test('it survives an upgrade: no byte is lost or doubled', async ({ stage, terminal }) => {
  const child = terminal.start(stage.socket, ['machine', 'console', 'web1']);
  await terminal.shows(/\[connected/);
  terminal.type('before');
  await terminal.shows(/before/);
  assert.is((await stage.run('upgrade', 'start', 'web1')).exitCode, 0);
  await terminal.shows(/\[web1 goes on in generation 2\]/);
  terminal.type('after');
  await terminal.shows(/after/);
  assert.is(terminal.shown.match(/before/g)?.length, 1);
  terminal.type('\x1d');
  assert.is(await terminal.ended(child), 0);
});

test('--escape is another key; the usual one then reaches the guest', async ({ stage, terminal }) => {
  const child = terminal.start(stage.socket, ['machine', 'console', 'web1', '--escape', '^A']);
  await terminal.shows(/\^A leaves it/);
  terminal.type('x\x1dy');
  await terminal.shows(/x.*y/s);
  terminal.type('\x01');
  assert.is(await terminal.ended(child), 0);
  assert.is((await stage.run('machine', 'console', 'web1', '--escape', 'q')).exitCode, 2);
});

for (const [signal, ending] of [
  ['SIGTERM', 143],
  ['SIGHUP', 129],
  ['SIGINT', 130],
  ['SIGKILL', 'SIGKILL'],
] as const) {
  test(`${signal} gives the terminal back`, async ({ stage, terminal }) => {
    const before = terminal.settings;
    const child = terminal.start(stage.socket, ['machine', 'console', 'web1']);
    await terminal.shows(/\[connected/);
    await waitFor(() => terminal.settings !== before, { what: 'the terminal to be raw' });
    child.kill(signal);
    assert.is(await terminal.ended(child), ending);
    await waitFor(() => terminal.settings === before, { what: 'the terminal to be as before' });
  });
}

test('a machine that is deleted ends it, with the reason and the terminal as before', async ({
  stage,
  terminal,
}) => {
  const before = terminal.settings;
  const child = terminal.start(stage.socket, ['machine', 'console', 'web1']);
  await terminal.shows(/\[connected/);
  await stage.run('machine', 'kill', 'web1');
  await stage.run('machine', 'delete', 'web1');
  assert.is(await terminal.ended(child), 4);
  assert.is(terminal.settings, before);
  assert.match(terminal.shown, /the machine was deleted/);
});

test('--readonly types nothing; without a terminal the input is typed, and its end leaves', async ({
  stage,
  terminal,
}) => {
  const child = terminal.start(stage.socket, ['machine', 'console', 'web1', '--readonly', '--tail', '0']);
  await terminal.shows(/\[connected/);
  const piped = await baton(stage.socket, ['machine', 'console', 'web1', '--tail', '0'], { input: 'piped' });
  assert.is(piped.exitCode, 0, piped.stderr);
  await terminal.shows(/piped/);
  terminal.type('nothing');
  terminal.type('\x1d');
  assert.is(await terminal.ended(child), 0);
  const text = (await stage.run('machine', 'logs', 'web1', '--console')).stdout;
  assert.match(text, /piped/);
  assert.not.match(text, /nothing/);
});

test('of a machine that is not there it says so before it touches the terminal', async ({
  stage,
  terminal,
}) => {
  const before = terminal.settings;
  const child = terminal.start(stage.socket, ['machine', 'console', 'wbe1']);
  assert.is(await terminal.ended(child), 4);
  assert.match(terminal.shown, /did you mean web1\?/);
  assert.is(terminal.settings, before);
});

test.run();
