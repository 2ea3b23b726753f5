import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { skipSuite } from '../../helpers/skip.js';
import { tempDir } from '../../helpers/temp-dir.js';
import { makeKeyPair } from './key-pair.js';

const SUITE = 'keys in the formats of OpenSSH';
const test = suite(SUITE);

test('ssh-keygen derives from the private key the public one, with the comment', async () => {
  const directory = await tempDir();
  try {
    // Each length of a comment needs another padding.
    for (const comment of ['', 'a', 'of seven', 'somebody who may log in']) {
      const { privateKey, publicKey } = makeKeyPair(comment);
      const path = join(directory.path, 'key');
      await writeFile(path, privateKey);
      await chmod(path, 0o600);
      const { stdout } = await execa('ssh-keygen', ['-y', '-f', path], { timeout: 10_000 });
      assert.is(stdout.trim(), `${publicKey} ${comment}`.trim());
    }
  } finally {
    await directory.remove();
  }
});

test('no two are the same', () => {
  assert.is.not(makeKeyPair('a').publicKey, makeKeyPair('a').publicKey);
});

const { failed } = await execa('ssh-keygen', ['-?'], { reject: false, timeout: 10_000 }).then(({ code }) => ({
  failed: code === 'ENOENT',
}));
if (failed) skipSuite(SUITE, 'there is no ssh-keygen (Debian: openssh-client)');
else test.run();
