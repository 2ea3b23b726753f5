/** What all commands of baton have in common: usage, errors, exit codes, output for people and for scripts. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { within } from '../../helpers/wait.js';
import { createMachine } from '../fixture.js';
import { BATON, baton, environment, openStage, type Stage } from './cli-under-test.js';
import { TerminalUnderTest } from './terminal-under-test.js';

interface Context {
  stage: Stage;
}

const test = suite<Context>('baton');

test.before(async (context) => {
  context.stage = await openStage();
});

test.after(async ({ stage }) => {
  await stage.close();
});

test('--version, --help and help', async ({ stage: { run } }) => {
  const version = await run('--version');
  assert.equal([version.exitCode, /^baton \d+\.\d+\.\d+\n$/.test(version.stdout)], [0, true]);
  const help = await run('--help');
  assert.is(help.exitCode, 0);
  for (const word of ['machine', 'build', 'upgrade', 'query', '--host', '--json'])
    assert.match(help.stdout, word);
  assert.not.match(help.stdout, '__complete');
  assert.is((await run('help', 'machine')).stdout, (await run('machine', '--help')).stdout);
  assert.match(
    (await run('machine', 'stop', '--help')).stdout,
    /--grace <duration>.*\n.*Examples:\n +baton machine stop web1 /s,
  );
});

for (const [args, complaint] of [
  [[], /Usage: baton/],
  [['machne', 'list'], /unknown command 'machne'\n\(Did you mean machine\?\)/],
  [['machine', 'lst'], /unknown command 'lst'\n\(Did you mean list\?\)/],
  [['machine'], /Usage: baton machine/],
  [['machine', 'list', '--jsn'], /unknown option '--jsn'\n\(Did you mean --json\?\)/],
  [['machine', 'show'], /missing required argument 'machine'\n\(baton machine show --help explains it\)/],
  [['machine', 'show', 'a', 'b'], /too many arguments/],
  [['machine', 'stop', 'm', '--grace', 'soon'], /expected a duration such as 500ms/],
  [['machine', 'list', '--limit', '0'], /expected a whole number of at least 1/],
  [['machine', 'list', '--color', 'maybe'], /Allowed choices are auto, always, never/],
  [
    ['machine', 'list', '--host', 'http://x'],
    /expected unix:\/PATH or https:\/\/NAME:PORT, got http:\/\/x: a daemon is spoken to by TLS only/,
  ],
  [['machine', 'list', '--cert', '/dev/null'], /expected --cert and --key together/],
  [['machine', 'list', '--token-file', '/absent'], /cannot read the file of --token-file: ENOENT/],
] as const) {
  test(`baton ${args.join(' ')}: ends with 2 and says what was expected`, async ({ stage: { run } }) => {
    const { exitCode, stdout, stderr } = await run(...args);
    assert.equal([exitCode, stdout], [2, '']);
    assert.match(stderr, complaint);
  });
}

test('a daemon that is not there: exit code 3, the socket, and the command that helps', async ({
  stage: { folders },
}) => {
  const path = `${folders.path}/no.sock`;
  const { exitCode, stderr } = await baton(path, ['machine', 'list']);
  assert.is(exitCode, 3);
  assert.match(stderr, `there is no socket ${path}: is batond running?`);
  assert.match(stderr, 'systemctl status batond');
});

test('a socket that nobody listens on, and one that may not be used', async ({ stage: { folders } }) => {
  const path = `${folders.path}/dead.sock`;
  const server = createServer().listen(path);
  await once(server, 'listening');
  if (process.getuid?.() !== 0) {
    chmodSync(path, 0);
    const refused = await baton(path, ['machine', 'list']);
    assert.is(refused.exitCode, 3);
    assert.match(refused.stderr, 'become a member of its group');
  }
  server.close();
  await once(server, 'close');
  writeFileSync(path, '');
  const dead = await baton(path, ['machine', 'list']);
  assert.is(dead.exitCode, 3);
  assert.match(dead.stderr, `nobody listens on ${path}`);
});

test('what answers and is no batond is told of', async ({ stage: { folders } }) => {
  const path = `${folders.path}/other.sock`;
  const server = createServer((socket) =>
    socket.on('data', () => socket.end('HTTP/1.1 404 Nope\r\ncontent-length: 3\r\n\r\nhm\n')),
  );
  server.listen(path);
  await once(server, 'listening');
  try {
    const { exitCode, stderr } = await baton(path, ['machine', 'list']);
    assert.is(exitCode, 3);
    assert.match(stderr, /expected a problem document from GET \/v1\/machines, got status 404/);
  } finally {
    server.close();
  }
});

test('--host before and after the command wins over BATON_HOST', async ({ stage: { socket } }) => {
  for (const args of [
    ['--host', `unix:${socket}`, 'machine', 'list'],
    ['machine', 'list', `--host=${socket}`],
  ]) {
    assert.is((await baton('/absent', args)).exitCode, 0);
  }
});

test('--json parses for every command that lists or shows', async ({ stage: { run, app, folders } }) => {
  await createMachine(app, folders, 'listed');
  for (const args of [
    ['machine', 'list'],
    ['machine', 'show', 'listed'],
    ['build', 'list'],
    ['build', 'show', 'baton-'],
    ['build', 'pin', 'listed'],
    ['upgrade', 'list'],
    ['operation', 'list'],
    ['query', 'machines'],
  ]) {
    const { exitCode, stdout, stderr } = await run(...args, '--json');
    assert.is(exitCode, 0, `${args.join(' ')}: ${stderr}`);
    assert.type(JSON.parse(stdout), 'object');
    assert.is(stdout.trim().split('\n').length, 1);
  }
});

test('a table fits its terminal: what is least needed is left out; wide, all is there', async ({ stage }) => {
  const { app, folders, socket } = stage;
  await createMachine(app, folders, 'a-machine-with-a-long-name');
  for (const [columns, head] of [
    [200, /^NAME +STATE +GEN +MEMORY +VCPUS +BUILD +CHANGED\n/],
    [60, /^NAME +STATE +GEN +MEMORY +BUILD\n/],
    [30, /^NAME +STATE\n/],
  ] as const) {
    const terminal = new TerminalUnderTest(columns);
    try {
      assert.is(await terminal.ended(terminal.start(socket, ['machine', 'list'])), 0);
      assert.match(terminal.text, head);
      for (const line of terminal.text.split('\n')) assert.ok([...line].length <= columns, line);
    } finally {
      terminal.close();
    }
  }
});

test('no colours when piped, unless they are asked for', async ({ stage: { run, socket } }) => {
  assert.not.match((await run('machine', 'list')).stdout, '\x1b');
  assert.match((await run('machine', 'list', '--color', 'always')).stdout, '\x1b[1m');
  assert.match((await baton(socket, ['machine', 'list'], { env: { FORCE_COLOR: '1' } })).stdout, '\x1b[1m');
  const never = await baton(socket, ['machine', 'list', '--color', 'never'], { env: { FORCE_COLOR: '1' } });
  assert.not.match(never.stdout, '\x1b');
});

test('a reader that goes away is no error: silent, 141', async ({ stage: { socket } }) => {
  const command = `"$1" "$2" event watch --after 0 --json | head -n 1; printf '%s' "\${PIPESTATUS[0]}"`;
  const child = spawn('bash', ['-c', command, 'bash', process.execPath, BATON], {
    env: environment(socket),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const closed = once(child, 'close');
  const [first] = await within(once(child.stdout, 'data'), 20_000, 'the first event');
  assert.match(String(first), /"seq":1,/);
  /* It notices when it writes again. */
  await baton(socket, ['machine', 'create', 'noise', '-m', '8M', '--kernel', '/absent']);
  await baton(socket, ['machine', 'delete', 'noise']);
  await within(closed, 20_000, 'the pipeline to end');
  assert.is(stderr, '');
  assert.match(stdout, /\n141$/);
});

test('query sends anything, prints what is answered, and ends as the status says', async ({ stage }) => {
  const { run, socket, folders } = stage;
  assert.is(JSON.parse((await run('query', '/v1')).stdout).name, 'batond');
  const body = JSON.stringify({ name: 'queried', memoryMiB: 8, kernel: folders.kernel });
  const made = await baton(socket, ['query', 'machines', '-d', '@-'], { input: body });
  assert.is(made.exitCode, 0, made.stderr);
  const changed = await run('query', 'machines/queried', '-X', 'PATCH', '-d', '{"memoryMiB":16}', '-i');
  assert.match(changed.stdout, /^HTTP 200\n(.*\n)*content-type: application\/json/);
  assert.match(changed.stdout, '"memoryMiB":16');
  const gone = await run('query', 'machines/absent');
  assert.is(gone.exitCode, 4);
  assert.is(JSON.parse(gone.stdout).code, 'machine_not_found');
  assert.is((await run('query', 'machines/queried', '-X', 'DELETE')).exitCode, 0);
  assert.is((await run('query', 'machines', '-H', 'nonsense')).exitCode, 2);
  assert.is((await run('query', 'machines', '-d', '{"name":')).exitCode, 2);
});

test('builds: add, show, pin, deny and remove', async ({ stage: { run, app, folders } }) => {
  await createMachine(app, folders, 'pinned');
  const [{ id }] = JSON.parse((await run('build', 'list', '--json')).stdout).builds;
  const pinned = await run('build', 'pin', 'pinned', 'baton-');
  assert.match(pinned.stdout, new RegExp(`pinned to +${id}\n`));
  const denied = await run('build', 'pin', 'pinned', '--off', '--deny', id);
  assert.match(denied.stdout, new RegExp(`pinned to +-\ndenied +${id}\n`));
  assert.match((await run('build', 'pin', 'pinned', '--allow', id)).stdout, /denied +-\n/);
  assert.is((await run('build', 'pin', 'pinned', id, '--off')).exitCode, 2);
  assert.match((await run('build', 'show', id)).stdout, /^id +baton-.*\nkind +baton\n/);
  const nothing = await run('build', 'add', '/etc/hostname');
  assert.is(nothing.exitCode, 2);
  assert.match(nothing.stderr, /what is \/etc\/hostname\?\n +baton build add \/etc\/hostname --kind qemu/);
  assert.is((await run('build', 'add', '/etc/hostname', '--kind', 'qemu')).exitCode, 2);
  assert.is((await run('build', 'remove', 'absent')).exitCode, 4);
});

test('operations: list, show, cancel', async ({ stage: { run, app, folders } }) => {
  await createMachine(app, folders, 'operated');
  await run('machine', 'start', 'operated');
  const listed = await run('operation', 'list', '--machine', 'operated');
  assert.match(listed.stdout, /^ID +KIND +MACHINE +STATE .*\n\S+ +start +operated +succeeded /);
  const id = listed.stdout.split('\n')[1]?.split(' ')[0] ?? '';
  assert.match(
    (await run('operation', 'show', id)).stdout,
    /kind +start\nmachine +operated\nstate +succeeded\n/,
  );
  assert.is((await run('operation', 'cancel', id)).exitCode, 6);
  assert.is((await run('operation', 'show', 'absent')).exitCode, 4);
  assert.match((await run('host', 'suspend')).stdout, /operated is suspended/);
  assert.match((await run('host', 'restore')).stdout, /operated is restored/);
  const down = await run('host', 'shutdown', '--grace', '0s');
  assert.match(down.stdout, /^operated is down\.\n$/, down.stderr);
  assert.match((await run('machine', 'show', 'operated')).stdout, /state +(suspended|stopped)/);
  const up = await run('host', 'boot');
  assert.match(up.stdout, /^operated is back\.\n$/, up.stderr);
  assert.match((await run('machine', 'show', 'operated')).stdout, /state +running/);
});

test('--debug tells each exchange on stderr', async ({ stage: { run } }) => {
  assert.match(
    (await run('machine', 'list', '--debug')).stderr,
    /GET \/v1\/machines\?limit=1000 200 in [\d.]+ ms/,
  );
});

test('completion: a script for each shell, and names from the daemon', async ({
  stage: { run, app, folders },
}) => {
  await createMachine(app, folders, 'completed');
  for (const shell of ['bash', 'zsh', 'fish'])
    assert.match((await run('completion', shell)).stdout, 'machine');
  assert.is((await run('completion', 'tcsh')).exitCode, 2);
  assert.match((await run('__complete', 'machines')).stdout, /^completed\tstopped$/m);
  assert.match((await run('__complete', 'builds')).stdout, /^baton-\S+\t/m);
  const silent = await baton(`${folders.path}/no.sock`, ['__complete', 'machines']);
  assert.equal(silent, { exitCode: 0, stdout: '', stderr: '' });
});

test('bash completes commands, options, values and names', async ({ stage: { run, socket, folders } }) => {
  const script = `${folders.path}/baton.bash`;
  const wrapper = `${folders.path}/bin`;
  writeFileSync(script, (await run('completion', 'bash')).stdout);
  writeFileSync(wrapper, `#!/bin/sh\nexec '${process.execPath}' '${BATON}' "$@"\n`, { mode: 0o755 });
  const complete = async (...words: string[]) => {
    const program = `baton() { "${wrapper}" "$@"; }; source "${script}"
COMP_WORDS=(baton "$@"); COMP_CWORD=$#; _baton; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const child = spawn('bash', ['--norc', '-c', program, 'bash', ...words], {
      env: environment(socket),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
    });
    await within(once(child, 'close'), 20_000, 'bash to end');
    return text.trim().split('\n');
  };
  await run('machine', 'create', 'webmachine', '-m', '8M', '--kernel', folders.kernel);
  assert.equal(await complete('mach'), ['machine']);
  assert.equal(await complete('machine', 'st'), ['start', 'stop']);
  assert.equal(await complete('machine', 'stop', '--gr'), ['--grace']);
  assert.equal(await complete('machine', 'start', 'webm'), ['webmachine']);
  assert.equal(await complete('--json', 'machine', 'start', 'x', 'webm'), ['webmachine']);
  assert.equal(await complete('upgrade', 'start', '--mode', 'cpr-e'), ['cpr-exec']);
  assert.equal(await complete('machine', 'list', '--color', 'n'), ['never']);
  assert.equal(await complete('machine', 'adopt', 'x', script.slice(0, -2)), [script]);
  assert.match((await complete('upgrade', 'start', 'webmachine', '--to', 'baton-'))[0] ?? '', /^baton-/);
  assert.equal(await complete('--host', `unix:${folders.path}/no.sock`, 'machine', 'show', ''), ['']);
});

test('words of a guest or a VMM move no cursor', async ({ stage: { run, folders } }) => {
  const kernel = `${folders.path}/evil\x1b[2J`;
  await run('machine', 'create', 'evil', '-m', '8M', '--kernel', kernel);
  const { stderr } = await run('machine', 'start', 'evil');
  assert.not.match(stderr, '\x1b');
});

test.run();
