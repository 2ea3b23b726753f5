import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { tempDir } from '../../helpers/temp-dir.js';
import { dpkgDatabase } from './dpkg-database.js';
import type { PackageArchive } from './package-archive.js';

const test = suite('database of a dpkg that has unpacked');

function archive(
  name: string,
  fields: readonly string[],
  parts: Record<string, string> = {},
): PackageArchive {
  const common = [
    'Version: 1',
    'Architecture: riscv64',
    'Maintainer: a <a@b>',
    ...fields,
    'Description: a thing',
  ];
  const entries = Object.entries(parts).map(
    ([part, text]) => [part, { data: Buffer.from(text), isExecutable: text.startsWith('#!') }] as const,
  );
  return {
    path: `${name}.deb`,
    control: `${[`Package: ${name}`, ...common].join('\n')}\n`,
    parts: new Map(entries),
    files: ['/.', `/usr/${name}`].map((path) => ({ path, type: '-', owner: 'root', group: 'root' })),
  };
}

const ARCHIVES = [
  archive('libthing', ['Multi-Arch: same'], { triggers: '# a comment\nactivate-noawait ldconfig\n' }),
  archive('thing', ['Depends: libthing'], {
    conffiles: '/etc/thing\nremove-on-upgrade /etc/gone\n',
    postinst: '#!/bin/sh\n',
    triggers: 'interest-await ldconfig\ninterest-noawait /usr/share/things\ninterest plain\n',
  }),
];
const database = () => dpkgDatabase(ARCHIVES, (path) => Buffer.from(path));
const file = (name: string) => database().find((candidate) => candidate.name === name);

test('a package that may be there for several architectures has its own in its files’ names', () => {
  assert.is(file('info/libthing:riscv64.list')?.data, '/.\n/usr/libthing\n');
  assert.is(file('info/thing.list')?.data, '/.\n/usr/thing\n');
  assert.is(file('info/thing.postinst')?.mode, 0o755);
  assert.is(file('info/thing.conffiles')?.mode, 0o644);
});

test('configuration files are named with their hashes, but none that is to go', () => {
  const hash = createHash('md5').update('/etc/thing').digest('hex');
  assert.match(String(file('status')?.data), `Conffiles:\n /etc/thing ${hash}\n`);
  assert.not.match(String(file('status')?.data), '/etc/gone');
});

test('who is interested in what is written down, with whether it is waited for', () => {
  assert.is(file('triggers/ldconfig')?.data, 'thing\n');
  assert.is(file('triggers/plain')?.data, 'thing\n');
  assert.is(file('triggers/File')?.data, '/usr/share/things thing/noawait\n');
});

test('dpkg itself reads it, and finds what is yet to be configured', async () => {
  const directory = await tempDir();
  try {
    for (const { name, data } of database()) {
      const path = join(directory.path, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, data);
    }
    const query = async (...args: string[]) => {
      const { stdout } = await execa('dpkg-query', ['--admindir', directory.path, ...args], {
        timeout: 20_000,
      });
      return stdout;
    };
    const states = (await query('--list')).matchAll(/^(i\S) +([^:\s]+)/gm);
    assert.equal(
      [...states].map(([, state, name]) => [state, name]),
      [
        ['iU', 'libthing'],
        ['iU', 'thing'],
      ],
    );
    assert.is(await query('--listfiles', 'libthing:riscv64'), '/.\n/usr/libthing');
    assert.match(await query('--control-list', 'thing'), /^postinst$/m);
  } finally {
    await directory.remove();
  }
});

test.run();
