/** What a VMM that was broken out into may do to its folders while the daemon, which may be root, removes them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { removeVmmFolder, removeVmmFolderSync } from '../../../daemon/instance/vmm-folder.js';
import { userNamed } from '../../../daemon/service/accounts.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';

const isRoot = process.getuid?.() === 0;
const ROUNDS = 12;
/** Has the folder open, whatever becomes of its name, and swaps a folder in it for a link as fast as it can. */
const SWAPS = `
import os, sys
top = os.open(sys.argv[1], os.O_DIRECTORY)
print("ready", flush=True)
while True:
    try:
        os.rename("x", "y", src_dir_fd=top, dst_dir_fd=top)
        os.symlink(sys.argv[2], "x", dir_fd=top)
        os.unlink("x", dir_fd=top)
        os.rename("y", "x", src_dir_fd=top, dst_dir_fd=top)
    except OSError as error:
        if error.errno in (1, 2, 13): break
`;

interface Context {
  dir: TempDir;
  /** A folder of the host. */
  precious: string;
}

const test = suite<Context>('folders of VMMs');

test.before.each(async (context) => {
  context.dir = await tempDir();
  chmodSync(context.dir.path, 0o755);
  context.precious = `${context.dir.path}/precious`;
  mkdirSync(context.precious);
  for (const name of ['a', 'b']) writeFileSync(`${context.precious}/${name}`, '');
});
test.after.each(({ dir }) => dir.remove());

test('all of it goes, and nothing that it leads to; what is not there is gone', async ({ dir, precious }) => {
  const folder = `${dir.path}/m`;
  for (const remove of [removeVmmFolder, async (path: string) => removeVmmFolderSync(path)]) {
    mkdirSync(`${folder}/a/b`, { recursive: true });
    writeFileSync(`${folder}/a/b/c`, '');
    symlinkSync(precious, `${folder}/a/link`);
    chmodSync(`${folder}/a`, 0o500);
    await remove(folder);
    assert.not.ok(existsSync(folder));
    await remove(folder);
    symlinkSync(precious, folder);
    await remove(folder);
    assert.not.ok(existsSync(folder));
  }
  assert.equal(readdirSync(precious), ['a', 'b']);
  assert.is(statSync(precious).mode & 0o777, 0o755 & ~process.umask());
});

async function swapping(folder: string, precious: string): Promise<ChildProcess> {
  const { uid, gid } = userNamed('nobody');
  const child = spawn('python3', ['-c', SWAPS, folder, precious], {
    uid,
    gid,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  return child;
}

if (isRoot) {
  test('an owner that puts links in place of folders has nothing else removed, and loses them', async ({
    dir,
    precious,
  }) => {
    const { uid, gid } = userNamed('nobody');
    for (let round = 0; round < ROUNDS; round += 1) {
      const folder = `${dir.path}/${round}`;
      for (const name of ['', '/x']) {
        mkdirSync(folder + name);
        chownSync(folder + name, uid, gid);
      }
      for (const name of ['a', 'b']) writeFileSync(`${folder}/x/${name}`, '');
      const swaps = await swapping(folder, precious);
      const ended = once(swaps, 'exit');
      try {
        await removeVmmFolder(folder);
      } finally {
        swaps.kill('SIGKILL');
        await ended;
      }
      assert.not.ok(existsSync(folder));
      assert.equal(readdirSync(precious), ['a', 'b']);
      assert.is(statSync(precious).uid, 0);
    }
  });
}

test.run();
