/** The failing half: the other one is a boot of minutes, which `npm run fetch` makes. */
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';
import { runSecondStage, secondStage } from './second-stage.js';

const test = suite<{ dir: TempDir }>('second stage of the Debian guest');

test.before.each(async (context) => {
  context.dir = await tempDir();
});
test.after.each(({ dir }) => dir.remove());

async function run({ path }: TempDir, lines: readonly string[]): Promise<{ log: string; said: string }> {
  const program = join(path, 'qemu');
  await writeFile(program, `${['#!/bin/sh', ...lines].join('\n')}\n`);
  await chmod(program, 0o755);
  const log = join(path, 'log');
  const files = { image: join(path, 'image'), kernel: join(path, 'kernel'), initrd: join(path, 'initrd') };
  const said = await runSecondStage({ ...files, log, qemu: [program] }).then(
    () => 'done',
    (error: Error) => error.message,
  );
  return { log: await readFile(log, 'utf8'), said };
}

test('a guest that says that it is done has done it', async ({ dir }) => {
  const { said, log } = await run(dir, ["echo 'baton-debian: the second stage is done'"]);
  assert.is(said, 'done');
  assert.match(log, 'the second stage is done');
});

test('a guest that powers off before is not done, and the end of its console is shown', async ({ dir }) => {
  const { said } = await run(dir, ['seq 100', 'echo "dpkg: error processing package thing"']);
  assert.match(said, /failed \(it ended early\), see .*log:/);
  assert.match(said, 'dpkg: error processing package thing');
  assert.not.match(said, /^ *50$/m);
});

test('a QEMU that fails is not done, whatever the guest said', async ({ dir }) => {
  const { said } = await run(dir, ["echo 'baton-debian: the second stage is done'", 'exit 3']);
  assert.match(said, /failed \(.*exit code 3/);
});

test('the script is one that a shell can parse', async () => {
  await execa('sh', ['-n'], { input: secondStage('6.12.0-riscv64'), timeout: 10_000 });
});

test.run();
