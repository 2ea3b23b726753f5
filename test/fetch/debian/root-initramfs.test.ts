import { execa } from 'execa';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { buildRootInitramfs, ROOT_INIT } from './root-initramfs.js';

const test = suite('initramfs that mounts a root');

test('modules are listed in load order beside busybox and the init', () => {
  const module = (name: string) => ({ name, data: Buffer.from(`<${name}>`) });
  const archive = Buffer.from(buildRootInitramfs(Buffer.from('<busybox>'), [module('jbd2'), module('ext4')]));
  for (const text of ['jbd2\next4\n', 'modules/ext4.ko', '<ext4>', '<busybox>', ROOT_INIT, 'dev/console']) {
    assert.ok(archive.includes(text), text);
  }
});

test('its init is a script that a shell can parse', async () => {
  await execa('sh', ['-n'], { input: ROOT_INIT, timeout: 10_000 });
});

test.run();
