import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type TempDir, tempDir } from '../helpers/temp-dir.js';
import { cacheDirectory, findInCache } from './cache.js';
import { readManifest, withBundle, withProduct, writeManifest } from './manifest.js';

const test = suite<{ directory: TempDir }>('cache folder');

test.before.each(async (context) => {
  context.directory = await tempDir();
});
test.after.each((context) => context.directory.remove());

async function addProduct(cache: string, name: string, files: Record<string, string>): Promise<void> {
  for (const file of Object.values(files)) {
    await mkdir(dirname(join(cache, file)), { recursive: true });
    await writeFile(join(cache, file), '');
  }
  await writeManifest(cache, withProduct(readManifest(cache), name, { recipe: 'r', version: '1', files }));
}

test('the folder is $BATON_CACHE, then $XDG_CACHE_HOME/baton, then ~/.cache/baton', () => {
  assert.is(cacheDirectory({ BATON_CACHE: '/a', XDG_CACHE_HOME: '/b' }), '/a');
  assert.is(cacheDirectory({ BATON_CACHE: '', XDG_CACHE_HOME: '/b' }), '/b/baton');
  assert.is(cacheDirectory({}), join(homedir(), '.cache/baton'));
});

test('what the manifest names and the disk holds is found by absolute path', async ({
  directory: { path },
}) => {
  await addProduct(path, 'kernel-6.12-riscv64', { image: 'k/Image', initrd: 'k/initramfs.cpio' });
  await addProduct(path, 'qemu-11.1', { riscv64: 'bin/q-riscv64', x86_64: 'bin/q-x86_64' });
  await addProduct(path, 'opensbi', { dynamic: 'o/dynamic', jump: 'o/jump' });
  const cache = findInCache(path);
  assert.equal(cache.kernel('6.12'), {
    image: join(path, 'k/Image'),
    initrd: join(path, 'k/initramfs.cpio'),
  });
  assert.equal(cache.qemu('11.1', 'riscv64'), { argvPrefix: [join(path, 'bin/q-riscv64')] });
  assert.equal(cache.opensbi(), { path: join(path, 'o/dynamic'), jump: join(path, 'o/jump') });
  const roles = ['image', 'kernel', 'initrd', 'key', 'knownHosts'];
  await addProduct(path, 'debian', Object.fromEntries(roles.map((role) => [role, `d/${role}`])));
  const debian = findInCache(path).debian();
  assert.equal(debian, Object.fromEntries(roles.map((role) => [role, join(path, 'd', role)])));
});

test('what is absent says so, with what would bring it', async ({ directory: { path } }) => {
  const cache = findInCache(join(path, 'never-made'));
  for (const found of [cache.kernel('7.2'), cache.qemu('10.0', 'x86_64'), cache.opensbi(), cache.debian()]) {
    assert.ok('missing' in found);
    assert.match(found.missing, /is not in .*never-made: run `npm run fetch`/);
  }
});

test('a file deleted after the fetch is missed by name', async ({ directory: { path } }) => {
  await addProduct(path, 'opensbi', { dynamic: 'o/dynamic', jump: 'o/jump' });
  await writeManifest(path, {
    ...readManifest(path),
    products: { opensbi: { recipe: 'r', version: '1', files: { dynamic: 'o/dynamic', jump: 'o/gone' } } },
  });
  const found = findInCache(path).opensbi();
  assert.ok('missing' in found);
  assert.match(found.missing, /o\/gone is gone/);
});

for (const [what, text] of [
  ['cut short', '{"format":1,"bund'],
  ['of another format', '{"format":2,"bundles":{},"products":{}}'],
  ['of another shape', '[]'],
]) {
  test(`a manifest ${what} counts as empty, so that all is fetched again`, async ({
    directory: { path },
  }) => {
    await writeFile(join(path, 'manifest.json'), text as string);
    assert.equal(readManifest(path).products, {});
  });
}

test('writing keeps other entries and leaves no temporary file', async ({ directory: { path } }) => {
  const bundle = { definition: 'd', tree: 't', packages: [], fetchedAt: '2026-01-01T00:00:00Z' };
  await writeManifest(path, withBundle(readManifest(path), 'one', bundle));
  await writeManifest(path, withBundle(readManifest(path), 'two', bundle));
  assert.equal(Object.keys(readManifest(path).bundles), ['one', 'two']);
  assert.equal(await readdir(path), ['manifest.json']);
});

test.run();
