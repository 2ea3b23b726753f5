/** An image of a folder has the owners it shall have, whoever makes it. */
import { chmod, mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkFilesystem, diskToolsMissing } from '../../guests/linux/disk-image.js';
import { skipSuite } from '../../helpers/skip.js';
import { tempDir } from '../../helpers/temp-dir.js';
import { finishDisk, makeDisk } from './disk.js';

const SUITE = 'disk of the Debian guest';
const test = suite(SUITE);
const env = { PATH: `${process.env.PATH}:/usr/sbin:/sbin`, LC_ALL: 'C.UTF-8' };

async function attributes(image: string, path: string): Promise<string> {
  const { stdout } = await execa('debugfs', ['-R', `stat ${path}`, image], { timeout: 20_000, env });
  const field = (name: string) => new RegExp(`${name}: +(\\d+)`).exec(stdout)?.[1];
  return `${field('Mode')} ${field('User')}:${field('Group')}`;
}

test('everything is root’s but what is said to be another’s, with the modes of the folder', async () => {
  const directory = await tempDir();
  try {
    const root = join(directory.path, 'root');
    await mkdir(join(root, 'usr/bin'), { recursive: true });
    for (const [name, mode] of [
      ['usr/bin/su', 0o4755],
      ['usr/bin/chage', 0o2755],
    ] as const) {
      await writeFile(join(root, name), name);
      await chmod(join(root, name), mode);
    }
    await symlink('usr/bin', join(root, 'bin'));
    if (process.getuid?.() === 0) await execa('chown', ['-hR', '1234:1235', root], { timeout: 10_000 });
    // A chown takes such bits away.
    for (const [name, mode] of [
      ['su', 0o4755],
      ['chage', 0o2755],
    ] as const) {
      await chmod(join(root, 'usr/bin', name), mode);
    }
    const image = join(directory.path, 'disk.img');

    await makeDisk(image, root, [{ path: '/usr/bin/chage', uid: 0, gid: 42 }]);
    await finishDisk(image);

    assert.is(await attributes(image, '/usr/bin/su'), '04755 0:0');
    assert.is(await attributes(image, '/usr/bin/chage'), '02755 0:42');
    assert.match(await attributes(image, '/usr'), '0755 0:0');
    assert.match(await attributes(image, '/'), / 0:0$/);
    await checkFilesystem(image);
    const { blocks, size } = await stat(image);
    assert.ok(blocks * 512 < size / 10, `${blocks} blocks are used of ${size} bytes`);
  } finally {
    await directory.remove();
  }
});

const missing = await diskToolsMissing();
if (missing === null) test.run();
else skipSuite(SUITE, missing);
