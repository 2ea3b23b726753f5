import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { tempDir } from '../helpers/temp-dir.js';
import { waitFor } from '../helpers/wait.js';
import { endProcessesNaming, leftovers, processesNaming } from './leftovers.js';

const test = suite('leftovers');

test('a process that names the folder is found and ended, another one is not', async () => {
  const [ours, others] = [await tempDir(), await tempDir()];
  const idle = (path: string) =>
    spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', path], { stdio: 'ignore' });
  const stray = idle(join(ours.path, 'vmm'));
  const stranger = idle(others.path);
  try {
    const found = await waitFor(
      async () => {
        const entries = await processesNaming(ours.path);
        return entries.length > 0 ? entries : undefined;
      },
      { what: 'the process to be seen' },
    );
    assert.equal(
      found.map(({ pid }) => pid),
      [stray.pid],
    );
    assert.match((await leftovers(ours.path))[0] ?? '', `process ${stray.pid}: `);
    const ended = once(stray, 'exit');
    assert.is((await endProcessesNaming(ours.path)).length, 1);
    await ended;
    assert.equal(await processesNaming(ours.path), []);
    assert.is(stranger.exitCode, null);
  } finally {
    const ends = [stray, stranger].map((child) => child.exitCode ?? child.signalCode ?? once(child, 'exit'));
    stray.kill('SIGKILL');
    stranger.kill('SIGKILL');
    await Promise.all(ends);
    await ours.remove();
    await others.remove();
  }
});

test('files that remain are named, and nothing is said of a folder that is gone', async () => {
  const directory = await tempDir();
  await writeFile(join(directory.path, 'qmp.sock'), '');
  assert.equal(await leftovers(directory.path), [
    `file ${directory.path}/qmp.sock`,
    `folder ${directory.path}`,
  ]);
  await directory.remove();
  assert.equal(await leftovers(directory.path), []);
});

test.run();
