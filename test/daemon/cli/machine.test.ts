/** baton machine …: every command as a process, good and bad. */
import { readFileSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { createRunning } from '../fixture.js';
import { baton, openStage, type Stage } from './cli-under-test.js';

interface Context {
  stage: Stage;
}

const test = suite<Context>('baton machine');

test.before.each(async (context) => {
  context.stage = await openStage();
});

test.after.each(async ({ stage }) => {
  await stage.close();
});

test('create from options, then list and show', async ({ stage: { run, folders } }) => {
  const empty = await run('machine', 'list');
  assert.equal([empty.exitCode, empty.stdout], [0, '']);
  assert.match(empty.stderr, /No machines\. baton machine create --help/);
  const made = await run(
    'machine',
    'create',
    'web1',
    '-m',
    '1G',
    '--vcpus',
    '1',
    '--kernel',
    folders.kernel,
    '--command-line',
    'quiet',
  );
  assert.equal([made.exitCode, made.stdout], [0, 'web1 is created.\n'], made.stderr);
  const listed = await run('machine', 'list');
  assert.match(
    listed.stdout,
    /^NAME +STATE +GEN +MEMORY +VCPUS +BUILD +CHANGED\nweb1 +stopped +- +1 GiB +1 +- +\S/,
  );
  const document = await run('machine', 'show', 'web1', '--document');
  const { name, memoryMiB, vcpus, kernel, commandLine } = parse(document.stdout);
  assert.equal([name, memoryMiB, vcpus, kernel, commandLine], ['web1', 1024, 1, folders.kernel, 'quiet']);
  const shown = await run('machine', 'show', 'web1');
  assert.match(shown.stdout, /^name +web1\n/);
  assert.match(shown.stdout, /state +stopped: /);
  assert.match(shown.stderr, /It was never started/);
});

test('create from a file, whose members options replace; relative paths are made absolute', async ({
  stage,
}) => {
  const { run, folders } = stage;
  const file = `${folders.path}/m.yaml`;
  writeFileSync(file, `# a comment\nname: web1\nmemoryMiB: 32\nkernel: ${folders.kernel}\n`);
  assert.is((await run('machine', 'create', '-f', file)).exitCode, 0);
  const other = await run('machine', 'create', 'web2', '-f', file, '-m', '64M', '--json');
  const { name, spec } = JSON.parse(other.stdout);
  assert.equal([name, spec.memoryMiB], ['web2', 64]);
  const input = JSON.stringify({ name: 'web3', memoryMiB: 16, kernel: folders.kernel });
  const piped = await baton(stage.socket, ['machine', 'create', '-f', '-', '--disk', 'relative.img'], {
    input,
  });
  assert.is(piped.exitCode, 0, piped.stderr);
  const { spec: third } = JSON.parse((await run('machine', 'show', 'web3', '--json')).stdout);
  assert.equal(third.disks, [
    { path: `${process.cwd()}/relative.img`, format: 'raw', bus: 'virtio', readOnly: false },
  ]);
});

test('create says what is wrong with options and documents, and ends with 2', async ({ stage }) => {
  const { run, folders } = stage;
  const file = `${folders.path}/m.yaml`;
  writeFileSync(file, 'name: [unclosed\n');
  for (const [args, complaint] of [
    [
      ['-m', '512X', 'web1'],
      /--memory <size>' argument '512X' is invalid\. expected a size of memory such as 512M/,
    ],
    [['-m', '512M'], /expected a name for the machine, got none/],
    [['web1'], /expected the memory of the machine, got none\n +baton machine create web1 --memory 512M/],
    [['web1', '-m', '8M', '--disk', 'path=x,=y'], /expected --disk to be NAME=VALUE/],
    [
      ['web1', '-m', '8M', '--disk', 'path=/x,formt=raw'],
      /body\/disks\/0 must NOT have additional properties \(formt\)/,
    ],
    [['web1', '-m', '8M', '--accelerator', 'none'], /must be equal to one of the allowed values/],
    [['-f', file], /m\.yaml is no YAML or JSON: .* at line \d/s],
    [['-f', `${folders.path}/absent`], /cannot read the file: ENOENT/],
    [['web1', '-m', '8M'], /kernel must be given/],
  ] as const) {
    const { exitCode, stdout, stderr } = await run('machine', 'create', ...args);
    assert.equal([exitCode, stdout], [2, ''], stderr);
    assert.match(stderr, complaint);
  }
});

test('start, pause, resume, stop, kill and delete, each waited for', async ({ stage: { run, folders } }) => {
  await run('machine', 'create', 'web1', '-m', '32M', '--kernel', folders.kernel, '--start');
  for (const [args, words] of [
    [['pause'], 'web1 is paused.\n'],
    [['resume'], 'web1 runs.\n'],
    [['stop', '--grace', '0s'], 'web1 is stopped.\n'],
    [['start'], 'web1 runs.\n'],
    [['kill'], 'web1 has been killed.\n'],
    [['delete'], 'web1 is deleted.\n'],
  ] as const) {
    const [action, ...options] = args;
    const ended = await run('machine', action, 'web1', ...options);
    assert.equal([ended.exitCode, ended.stdout, ended.stderr], [0, words, '']);
  }
});

test('several at once: each is told, and the first that fails counts', async ({
  stage: { run, folders },
}) => {
  for (const name of ['web1', 'web2'])
    await run('machine', 'create', name, '-m', '32M', '--kernel', folders.kernel);
  const started = await run('machine', 'start', 'web1', 'web2', 'web4');
  assert.is(started.exitCode, 4);
  assert.equal(started.stdout.trim().split('\n').sort(), ['web1 runs.', 'web2 runs.']);
  assert.match(
    started.stderr,
    /no machine with id or name web4\n +did you mean web\d\?\n +baton machine list/,
  );
});

test('suspend, restore and discard', async ({ stage: { run, folders } }) => {
  await run('machine', 'create', 'web1', '-m', '32M', '--kernel', folders.kernel, '--start');
  assert.match((await run('machine', 'suspend', 'web1')).stdout, /web1 is suspended/);
  assert.match((await run('machine', 'show', 'web1')).stdout, /saved state +[\d.]+ [KM]iB, .* by baton-/);
  assert.match((await run('machine', 'restore', 'web1', '--build', 'baton-')).stdout, /web1 is restored/);
  await run('machine', 'suspend', 'web1');
  assert.match((await run('machine', 'discard', 'web1')).stdout, /web1 is stopped/);
});

test('--no-wait says what was begun; operation wait takes it up', async ({ stage: { run, folders } }) => {
  await run('machine', 'create', 'web1', '-m', '32M', '--kernel', folders.kernel);
  const begun = await run('machine', 'start', 'web1', '--no-wait', '--json');
  const { id, kind } = JSON.parse(begun.stdout);
  assert.is(kind, 'start');
  const waited = await run('operation', 'wait', id);
  assert.equal([waited.exitCode, waited.stdout], [0, `start ${id}: succeeded\n`]);
});

test('a machine that does not start ends with 1, says why, and the command that helps', async ({
  stage: { run, folders },
}) => {
  await run('machine', 'create', 'web1', '-m', '32M', '--kernel', `${folders.path}/absent`);
  const { exitCode, stderr, stdout } = await run('machine', 'start', 'web1');
  assert.equal([exitCode, stdout], [1, '']);
  assert.match(stderr, /baton: the start of web1 has failed: .*absent/s);
  assert.match(stderr, /\n +baton machine logs web1\n/);
});

test('what its state does not allow ends with 6', async ({ stage: { run, folders } }) => {
  await run('machine', 'create', 'web1', '-m', '32M', '--kernel', folders.kernel);
  const { exitCode, stderr } = await run('machine', 'pause', 'web1');
  assert.is(exitCode, 6);
  assert.match(stderr, /baton machine show web1/);
  assert.is((await run('machine', 'create', 'web1', '-m', '32M', '--kernel', folders.kernel)).exitCode, 6);
});

test('with --json an error is a document on stderr', async ({ stage: { run } }) => {
  const { exitCode, stdout, stderr } = await run('machine', 'show', 'absent', '--json');
  assert.equal([exitCode, stdout], [4, '']);
  const { error } = JSON.parse(stderr);
  assert.equal([error.exit, error.exitCode, error.problem.code], ['notFound', 4, 'machine_not_found']);
});

test('logs: the console of the guest, and of which instance', async ({ stage: { run, folders, app } }) => {
  await run('machine', 'create', 'idle', '-m', '32M', '--kernel', folders.kernel);
  const never = await run('machine', 'logs', 'idle', '--console');
  assert.is(never.exitCode, 4);
  assert.match(never.stderr, /idle was never started\n +baton machine start idle/);
  await createRunning(app, folders);
  const printed = await run('machine', 'logs', 'm', '--console');
  assert.match(printed.stdout, /^ticker: ticks=\d+ .* pattern=ok/m);
  assert.is((await run('machine', 'logs', 'm', '--console', '--generation', '7')).exitCode, 4);
  assert.is((await run('machine', 'logs', 'm', '--follow')).exitCode, 2);
});

test('guest: who does not answer is told of', async ({ stage: { run, folders } }) => {
  await run('machine', 'create', 'web1', '-m', '32M', '--kernel', folders.kernel, '--start');
  const { exitCode, stderr } = await run('machine', 'guest', 'web1');
  assert.is(exitCode, 6);
  assert.match(stderr, /guest agent/);
  assert.is((await run('machine', 'guest', 'web1', '--freeze', '--thaw')).exitCode, 2);
});

test('adopt and release say why they will not', async ({ stage: { run, folders } }) => {
  assert.is((await run('machine', 'adopt', 'old1', `${folders.path}/no.sock`)).exitCode, 2);
  await run('machine', 'create', 'web1', '-m', '32M', '--kernel', folders.kernel);
  assert.is((await run('machine', 'release', 'web1')).exitCode, 6);
});

test('edit sends what was changed in the editor', async ({ stage }) => {
  const { run, folders, socket } = stage;
  await run('machine', 'create', 'web1', '-m', '32M', '--kernel', folders.kernel, '--command-line', 'quiet');
  const edit = (script: string) =>
    baton(socket, ['machine', 'edit', 'web1'], { env: { EDITOR: `sed -i ${script}`, TMPDIR: folders.path } });
  const changed = await edit("-e 's/memoryMiB: 32/memoryMiB: 48/' -e /commandLine/d");
  assert.equal(
    [changed.exitCode, changed.stdout],
    [0, 'web1 is changed: memoryMiB, commandLine.\n'],
    changed.stderr,
  );
  const { spec } = JSON.parse((await run('machine', 'show', 'web1', '--json')).stdout);
  assert.equal([spec.memoryMiB, spec.commandLine], [48, null]);
  const same = await edit("'s/absent/other/'");
  assert.equal([same.exitCode, same.stderr], [0, 'Nothing was changed.\n']);
});

test('edit: what is refused changes nothing, and the text is kept', async ({ stage }) => {
  const { run, folders, socket } = stage;
  await run('machine', 'create', 'web1', '-m', '32M', '--kernel', folders.kernel);
  const edit = (EDITOR: string) =>
    baton(socket, ['machine', 'edit', 'web1'], { env: { EDITOR, TMPDIR: folders.path } });
  const refused = await edit("sed -i 's/memoryMiB: 32/memoryMiB: -1/'");
  assert.is(refused.exitCode, 2);
  assert.match(refused.stderr, /body\/memoryMiB must be >= 1/);
  const [, kept = ''] = /your text is kept: (\S+)/.exec(refused.stderr) ?? [];
  assert.match(readFileSync(kept, 'utf8'), /memoryMiB: -1/);
  assert.match((await edit("sed -i 's/vcpus: 1/vcpus: [/'")).stderr, /the document is no YAML or JSON/);
  const failed = await edit('false');
  assert.is(failed.exitCode, 1);
  assert.match(failed.stderr, /the editor \(false\) has ended with 1; nothing was changed/);
  assert.is(JSON.parse((await run('machine', 'show', 'web1', '--json')).stdout).spec.memoryMiB, 32);
});

test.run();
