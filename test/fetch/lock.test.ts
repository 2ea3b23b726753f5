import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { tempDir } from '../helpers/temp-dir.js';
import { within } from '../helpers/wait.js';
import { withLock } from './lock.js';

const test = suite('fetch lock');

test('two holders never overlap, and the second is told that it waits', async () => {
  const directory = await tempDir();
  try {
    const path = join(directory.path, 'lock');
    const log: string[] = [];
    let told: () => void = () => {};
    const secondWaits = new Promise<void>((resolve) => {
      told = resolve;
    });
    let second: Promise<void> | undefined;
    await withLock(
      path,
      () => log.push('first waits'),
      async () => {
        second = withLock(path, told, async () => {
          log.push('second in');
        });
        await within(secondWaits, 5_000, 'the second holder to be told that it waits');
        log.push('first out');
      },
    );
    await within(second as Promise<void>, 5_000, 'the second holder to get the lock');
    assert.equal(log, ['first out', 'second in']);
  } finally {
    await directory.remove();
  }
});

test('an action that fails frees the lock', async () => {
  const directory = await tempDir();
  try {
    const path = join(directory.path, 'lock');
    const fail = () => Promise.reject(new Error('no network'));
    await withLock(path, () => {}, fail).then(assert.unreachable, (error) => {
      assert.is(error.message, 'no network');
    });
    assert.is(
      await withLock(
        path,
        () => {},
        async () => 'again',
      ),
      'again',
    );
  } finally {
    await directory.remove();
  }
});

test.run();
