import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LogFile } from '../../../vmm/chardev/log-file.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';

const test = suite<{ folder: TempDir; path: string }>('chardev log file');

test.before.each(async (context) => {
  context.folder = await tempDir();
  context.path = join(context.folder.path, 'console.log');
});

test.after.each(({ folder }) => folder.remove());

const bytes = (text: string) => new TextEncoder().encode(text);

test('at its limit the file becomes the older one, and a new one is begun', ({ path }) => {
  const log = new LogFile(path, false, 10);
  for (const text of ['first-', 'one;', 'second', 'third-']) log.write(bytes(text));
  log.close();
  assert.is(readFileSync(path, 'utf8'), 'third-');
  assert.is(readFileSync(`${path}.1`, 'utf8'), 'second');
});

test('a guest that never stops writing takes no more than two limits', ({ path }) => {
  const log = new LogFile(path, false, 1000);
  for (let round = 0; round < 500; round += 1) log.write(bytes('x'.repeat(97)));
  log.close();
  assert.ok(statSync(path).size <= 1000);
  assert.ok(statSync(`${path}.1`).size <= 1000);
});

test('appending counts what is there already', ({ path }) => {
  const earlier = new LogFile(path, false, 10);
  earlier.write(bytes('12345678'));
  earlier.close();
  const log = new LogFile(path, true, 10);
  log.write(bytes('abc'));
  log.close();
  assert.is(readFileSync(path, 'utf8'), 'abc');
  assert.is(readFileSync(`${path}.1`, 'utf8'), '12345678');
});

test('what is no regular file is never renamed', ({ folder }) => {
  const log = new LogFile('/dev/null', false, 10);
  for (let round = 0; round < 10; round += 1) log.write(bytes('12345678'));
  log.close();
  assert.ok(statSync('/dev/null').isCharacterDevice());
  assert.not.ok(existsSync('/dev/null.1'), folder.path);
});

test.run();
