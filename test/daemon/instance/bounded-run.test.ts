import { writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runBounded } from '../../../daemon/instance/bounded-run.js';
import { LinuxProcesses } from '../../../daemon/instance/host.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';
import { waitFor } from '../../helpers/wait.js';

const LIMITS = { input: '', deadlineMs: 10_000, maxOutputBytes: 64 * 1024 };

const test = suite<{ dir: TempDir; script: (text: string) => { file: string; args: string[] } }>(
  'bounded run',
);

test.before.each(async (context) => {
  context.dir = await tempDir();
  context.script = (text) => {
    const file = `${context.dir.path}/program`;
    writeFileSync(file, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    return { file, args: ['--mark', context.dir.path] };
  };
});

test.after.each(({ dir }) => dir.remove());

/** Processes whose command line names the folder of the test. */
const left = ({ path }: TempDir) => new LinuxProcesses().findByArgument(path).length;

test('a program that ends well gives what it printed', async ({ script }) => {
  const program = script('read line; echo "heard $line"; echo aside >&2');
  const result = await runBounded(program, { ...LIMITS, input: 'word\n' });
  assert.equal(result, { stdout: 'heard word\n', stderr: 'aside\n', failure: null });
});

test('an exit code, a signal and a file that is none are told in words', async ({ script, dir }) => {
  const failure = async (text: string) => (await runBounded(script(text), LIMITS)).failure;
  assert.is(
    await failure("printf 'first\\nno such\\033 option\\n' >&2; exit 3"),
    'ended with exit code 3: "no such option"',
  );
  assert.is(await failure('kill -SEGV $$'), 'ended with signal SIGSEGV');
  const absent = await runBounded({ file: `${dir.path}/absent`, args: [] }, LIMITS);
  assert.is(absent.failure, 'could not be started (ENOENT)');
});

test('one that does not end is ended at the deadline, with what it started', async ({ script, dir }) => {
  const program = script('sleep 1000 & while :; do sleep 1000; done');
  const { failure } = await runBounded(program, { ...LIMITS, deadlineMs: 300 });
  assert.is(failure, 'did not end within 300 ms');
  await waitFor(() => left(dir) === 0, { what: 'nothing of the program to be left' });
});

test('what it started and left does not hold the run up, and is ended', async ({ script, dir }) => {
  /* It would be told of if the run had been held up until its deadline. */
  const program = script(`sh -c 'sleep 1000; true' "$@" & echo done`);
  const { stdout, failure } = await runBounded(program, LIMITS);
  assert.equal([stdout, failure], ['done\n', null]);
  await waitFor(() => left(dir) === 0, { what: 'nothing of the program to be left' });
});

test('one that prints without end is ended', async ({ script, dir }) => {
  const { failure, stdout } = await runBounded(script('exec yes garbage'), LIMITS);
  assert.is(failure, `printed more than ${LIMITS.maxOutputBytes} bytes`);
  assert.ok(stdout.length <= LIMITS.maxOutputBytes);
  await waitFor(() => left(dir) === 0, { what: 'the program to be gone' });
});

test('it does not see the environment of the daemon', async ({ script }) => {
  process.env.BATON_SECRET = 'for the daemon alone';
  try {
    const { stdout } = await runBounded(script('env'), LIMITS);
    assert.not.match(stdout, /BATON_SECRET/);
    assert.match(stdout, /PATH=/);
  } finally {
    delete process.env.BATON_SECRET;
  }
});

test.run();
