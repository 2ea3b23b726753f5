import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { tempDir } from '../../helpers/temp-dir.js';
import { controlField, parseListing, readPackageArchive } from './package-archive.js';

const test = suite('a package as an archive');

const listing = (mode: string, owner: string, rest: string) =>
  `${mode} ${owner}  97176 2025-04-19 12:00 ${rest}`;

for (const [what, line, expected] of [
  [
    'a file of a group',
    listing('-rwxr-sr-x', 'root/shadow', './usr/bin/chage'),
    ['/usr/bin/chage', '-', 'shadow'],
  ],
  ['a folder', listing('drwxr-xr-x', 'root/root', './usr/bin/'), ['/usr/bin', 'd', 'root']],
  ['the root', listing('drwxr-xr-x', 'root/root', './'), ['/.', 'd', 'root']],
  ['a link', listing('lrwxrwxrwx', 'root/root', './bin -> usr/bin'), ['/bin', 'l', 'root']],
  ['a hard link', listing('hrw-r--r--', 'root/root', './a link to ./b'), ['/a', 'h', 'root']],
  ['a name with spaces', listing('-rw-r--r--', 'root/root', './a -> b'), ['/a -> b', '-', 'root']],
] as const) {
  test(`the listing tells ${what}`, () => {
    const { path, type, group } = parseListing(line);
    assert.equal([path, type, group], expected);
  });
}

test('a line that is none is not guessed at', () => {
  assert.throws(() => parseListing('total 3'), /expected a line of dpkg-deb --contents, got "total 3"/);
});

test('a real one gives its fields, its scripts and its files', async () => {
  const directory = await tempDir();
  try {
    const source = join(directory.path, 'source');
    const control =
      'Package: thing\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: a thing\n of two lines\n';
    for (const [name, text] of [
      ['DEBIAN/control', control],
      ['DEBIAN/postinst', '#!/bin/sh\n'],
      ['DEBIAN/conffiles', '/etc/thing\n'],
      ['etc/thing', 'x'],
    ] as const) {
      await mkdir(dirname(join(source, name)), { recursive: true });
      await writeFile(join(source, name), text);
    }
    await chmod(join(source, 'DEBIAN/postinst'), 0o755);
    await symlink('thing', join(source, 'etc/other'));
    const archive = join(directory.path, 'thing.deb');
    await execa('dpkg-deb', ['--build', '--root-owner-group', source, archive], { timeout: 20_000 });

    const found = await readPackageArchive(archive, join(directory.path, 'scratch'));

    assert.is(found.control, control);
    assert.is(controlField(found.control, 'Package'), 'thing');
    assert.is(controlField(found.control, 'Multi-Arch'), undefined);
    const parts = [...found.parts].map(([name, { isExecutable }]) => [name, isExecutable]);
    assert.equal(parts, [
      ['conffiles', false],
      ['postinst', true],
    ]);
    const paths = found.files.map(({ path }) => path).sort();
    assert.equal(paths, ['/.', '/etc', '/etc/other', '/etc/thing']);
  } finally {
    await directory.remove();
  }
});

test.run();
