import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { buildInitramfs, READY_LINE } from './initramfs.js';

const test = suite('initramfs');

test('modules are listed in load order beside busybox and an init that says ready', () => {
  const module = (name: string) => ({ name, data: Buffer.from(`<${name}>`) });
  const archive = Buffer.from(buildInitramfs(Buffer.from('<busybox>'), [module('jbd2'), module('ext4')]));
  assert.ok(archive.includes('jbd2\next4\n'));
  for (const text of ['lib/modules/ext4.ko', '<ext4>', '<busybox>', `echo '${READY_LINE}'`, 'dev/console']) {
    assert.ok(archive.includes(text), text);
  }
});

test.run();
