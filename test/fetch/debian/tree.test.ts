import { readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { tempDir } from '../../helpers/temp-dir.js';
import type { PackagedFile } from './package-archive.js';
import { addSettings, foreignOwners, numbers } from './tree.js';

const test = suite('tree of the Debian guest');
const USERS = numbers('root:*:0:0:root:/root:/bin/bash\nman:*:6:12:man:/:/bin/sh\n');
const GROUPS = numbers('root:*:0:\nshadow:*:42:\nman:*:12:\n');
const file = (path: string, owner: string, group: string): PackagedFile => ({
  path,
  type: '-',
  owner,
  group,
});

test('the files that are not root’s are found with numbers', () => {
  const files = [
    file('/usr/bin/ls', 'root', 'root'),
    file('/usr/bin/chage', 'root', 'shadow'),
    file('/var/cache/man', 'man', 'man'),
    file('/usr/bin/chage', 'root', 'shadow'),
  ];
  assert.equal(foreignOwners(files, USERS, GROUPS), [
    { path: '/usr/bin/chage', uid: 0, gid: 42 },
    { path: '/var/cache/man', uid: 6, gid: 12 },
  ]);
});

test('an owner without a number is not made root', () => {
  const strange = [file('/srv/x', 'root', 'www')];
  assert.throws(
    () => foreignOwners(strange, USERS, GROUPS),
    /expected an owner that base-passwd knows, got root\/www for \/srv\/x/,
  );
});

test('settings have their modes whatever the umask is, and links replace files', async () => {
  const directory = await tempDir();
  const umask = process.umask(0o077);
  try {
    const { path } = directory;
    await addSettings(path, [
      { path: 'root/.ssh/authorized_keys', text: 'key\n', mode: 0o600 },
      { path: 'etc/systemd/system/a.service', text: 'unit\n' },
      { path: 'etc/systemd/system/b.service', text: 'unit\n' },
    ]);
    await addSettings(path, [{ path: 'etc/systemd/system/b.service', link: '/dev/null' }]);
    const mode = async (name: string) => ((await stat(join(path, name))).mode & 0o7777).toString(8);
    assert.is(await mode('root/.ssh'), '700');
    assert.is(await mode('root/.ssh/authorized_keys'), '600');
    assert.is(await mode('etc/systemd/system'), '755');
    assert.is(await mode('etc/systemd/system/a.service'), '644');
    assert.is(await readFile(join(path, 'etc/systemd/system/a.service'), 'utf8'), 'unit\n');
    assert.is(await readlink(join(path, 'etc/systemd/system/b.service')), '/dev/null');
  } finally {
    process.umask(umask);
    await directory.remove();
  }
});

test.run();
