import { mkdir, readlink, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type TempDir, tempDir } from '../helpers/temp-dir.js';
import { wallOffModules } from './products.js';

const test = suite<{ dir: TempDir }>('products of fetched packages');

test.before.each(async (context) => {
  context.dir = await tempDir();
});

test.after.each(({ dir }) => dir.remove());

test('a module that only the machine has cannot be opened, one of our own stays', async ({ dir }) => {
  const own = join(dir.path, 'own');
  const machines = join(dir.path, 'machines');
  for (const folder of [own, machines]) await mkdir(folder);
  await writeFile(join(own, 'audio-oss.so'), 'ours');
  for (const name of ['audio-oss.so', 'ui-opengl.so', 'README'])
    await writeFile(join(machines, name), 'theirs');

  await wallOffModules(own, machines);
  await wallOffModules(own, machines);

  assert.is(await readlink(join(own, 'ui-opengl.so')), 'ui-opengl.so');
  const code = await stat(join(own, 'ui-opengl.so')).catch((error) => error.code);
  assert.is(code, 'ELOOP');
  assert.is((await stat(join(own, 'audio-oss.so'))).size, 4);
  assert.is(await stat(join(own, 'README')).catch((error) => error.code), 'ENOENT');
});

test('a machine without a QEMU of its own has no modules to wall off', async ({ dir }) => {
  await wallOffModules(dir.path, join(dir.path, 'nothing'));
});

test.run();
