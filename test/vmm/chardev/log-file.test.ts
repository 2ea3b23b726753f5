import { openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { closeFd, findData } from '../../../native/index.js';
import { LogFile } from '../../../vmm/chardev/log-file.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';

const test = suite<{ folder: TempDir; path: string }>('chardev log file');

const MIB = 1024 * 1024;
const BLOCK_BYTES = 512;

test.before.each(async (context) => {
  context.folder = await tempDir();
  context.path = join(context.folder.path, 'console.log');
});

test.after.each(({ folder }) => folder.remove());

const bytes = (text: string) => new TextEncoder().encode(text);

function firstKept(path: string): number | null {
  const fd = openSync(path, 'r');
  try {
    return findData(fd, 0);
  } finally {
    closeFd(fd);
  }
}

test('beyond its limit the oldest becomes a hole, and what is kept stays at its offset', ({ path }) => {
  const log = new LogFile(openSync(path, 'w'), MIB);
  for (let at = 0; at < 3 * MIB; at += 64) log.write(bytes(`${at}`.padStart(63, ' ').concat('\n')));
  log.close();
  const content = readFileSync(path, 'latin1');
  assert.is(content.length, 3 * MIB);
  assert.is(firstKept(path), 2 * MIB);
  assert.is(content[2 * MIB - 1], '\0');
  assert.is(content.slice(2 * MIB, 2 * MIB + 64).trim(), `${2 * MIB}`);
  assert.is(content.slice(-64).trim(), `${3 * MIB - 64}`);
});

test('a guest that never stops writing takes no more than the limit and a step', ({ path }) => {
  const log = new LogFile(openSync(path, 'w'), 2 * MIB);
  const chunk = bytes('x'.repeat(4097));
  for (let round = 0; round < 5_000; round += 1) log.write(chunk);
  log.close();
  const { size, blocks } = statSync(path);
  assert.is(size, 5_000 * 4097);
  assert.ok(blocks * BLOCK_BYTES <= 3.1 * MIB, `${blocks * BLOCK_BYTES} bytes on disk`);
});

test('appending counts what is there already', ({ path }) => {
  writeFileSync(path, 'x'.repeat(3 * MIB));
  const log = new LogFile(openSync(path, 'a'), MIB);
  log.write(bytes('abc'));
  log.close();
  assert.is(firstKept(path), 2 * MIB);
  assert.is(readFileSync(path, 'latin1').slice(-4), 'xabc');
});

test('what is no regular file is left alone', () => {
  const log = new LogFile(openSync('/dev/null', 'w'), 10);
  log.write(new Uint8Array(2 * MIB));
  log.close();
  assert.ok(statSync('/dev/null').isCharacterDevice());
});

test.run();
