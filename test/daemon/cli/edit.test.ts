/** baton machine edit on a terminal: what is refused can be edited again, and nobody's change is overwritten. */
import { readFileSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BATON, baton, openStage, type Stage } from './cli-under-test.js';
import { TerminalUnderTest } from './terminal-under-test.js';

interface Context {
  stage: Stage;
  terminal: TerminalUnderTest;
}

const test = suite<Context>('baton machine edit');

test.before.each(async (context) => {
  context.stage = await openStage();
  context.terminal = new TerminalUnderTest(100);
  const { run, folders } = context.stage;
  await run('machine', 'create', 'web1', '-m', '32M', '--kernel', folders.kernel);
});

test.after.each(async ({ stage, terminal }) => {
  terminal.close();
  await stage.close();
});

/** One that runs the first of these commands on the document, the next time the second. */
function editor({ folders }: Stage, first: string, second: string): string {
  const path = `${folders.path}/editor`;
  const script = `#!/bin/sh\nif [ -e "$0.again" ]; then ${second}; else touch "$0.again"; ${first}; fi\n`;
  writeFileSync(path, script, { mode: 0o755 });
  return path;
}

async function memoryOf({ run }: Stage): Promise<number> {
  return JSON.parse((await run('machine', 'show', 'web1', '--json')).stdout).spec.memoryMiB;
}

test('a document that is refused is offered again, with the reason on top', async ({ stage, terminal }) => {
  const { folders, socket } = stage;
  const EDITOR = editor(
    stage,
    'sed -i s/memoryMiB:.*/memoryMiB:\\ -1/ "$1"',
    `cp "$1" ${folders.path}/second; sed -i s/memoryMiB:.*/memoryMiB:\\ 48/ "$1"`,
  );
  const child = terminal.start(socket, ['machine', 'edit', 'web1'], {
    EDITOR,
    TMPDIR: stage.folders.path,
  });
  await terminal.shows(/must be >= 1[\s\S]*Edit it again\? \[Y\/n\]/);
  terminal.type('\n');
  assert.is(await terminal.ended(child), 0);
  assert.match(terminal.text, /web1 is changed: memoryMiB\./);
  assert.match(readFileSync(`${folders.path}/second`, 'utf8'), /^# Refused: .*must be >= 1/m);
  assert.is(await memoryOf(stage), 48);
});

test('no is an answer: nothing is changed', async ({ stage, terminal }) => {
  const EDITOR = editor(stage, 'sed -i s/memoryMiB:.*/memoryMiB:\\ -1/ "$1"', 'false');
  const child = terminal.start(stage.socket, ['machine', 'edit', 'web1'], {
    EDITOR,
    TMPDIR: stage.folders.path,
  });
  await terminal.shows(/Edit it again\?/);
  terminal.type('n\n');
  assert.is(await terminal.ended(child), 2);
  assert.match(terminal.text, /your text is kept: /);
  assert.is(await memoryOf(stage), 32);
});

test('a change by somebody else meanwhile is not overwritten: ours is offered upon it', async ({
  stage,
  terminal,
}) => {
  const { folders, socket } = stage;
  const other = `'${process.execPath}' '${BATON}' query machines/web1 -X PATCH -d '{"commandLine":"quiet"}' > /dev/null`;
  const EDITOR = editor(
    stage,
    `${other}; sed -i s/memoryMiB:.*/memoryMiB:\\ 64/ "$1"`,
    `cp "$1" ${folders.path}/second; echo >> "$1"`,
  );
  const child = terminal.start(socket, ['machine', 'edit', 'web1'], {
    EDITOR,
    TMPDIR: stage.folders.path,
  });
  await terminal.shows(/revision[\s\S]*Edit it again\?/);
  terminal.type('y\n');
  assert.is(await terminal.ended(child), 0, terminal.text);
  const { spec } = JSON.parse((await stage.run('machine', 'show', 'web1', '--json')).stdout);
  assert.equal([spec.memoryMiB, spec.commandLine], [64, 'quiet']);
});

test('what somebody has written is kept, whatever comes in between', async ({ stage }) => {
  const deleted = `'${process.execPath}' '${BATON}' machine delete web1 > /dev/null`;
  const EDITOR = editor(stage, `sed -i s/memoryMiB:.*/memoryMiB:\\ 48/ "$1"; ${deleted}`, 'false');
  const env = { EDITOR, TMPDIR: stage.folders.path };
  const { exitCode, stderr } = await baton(stage.socket, ['machine', 'edit', 'web1'], { env });
  assert.is(exitCode, 4, stderr);
  const [, file = ''] = /your text is kept: (.*)/.exec(stderr) ?? [];
  assert.match(readFileSync(file, 'utf8'), /^memoryMiB: 48$/m);
});

test.run();
