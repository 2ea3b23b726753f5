import { closeSync, fstatSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findData, makeFifo, punchHole } from '../../native/index.js';
import { type TempDir, tempDir } from '../helpers/temp-dir.js';
import { nativeError } from './observe.js';

const MIB = 1024 * 1024;
/** What st_blocks counts in. */
const BLOCK_BYTES = 512;

const file = suite<{ folder: TempDir; path: string; fd: number }>('file');

file.before.each(async (context) => {
  context.folder = await tempDir();
  context.path = `${context.folder.path}/log`;
  context.fd = openSync(context.path, 'w+');
});

file.after.each(async ({ folder, fd }) => {
  closeSync(fd);
  await folder.remove();
});

const diskBytes = (fd: number) => fstatSync(fd).blocks * BLOCK_BYTES;

file('a hole gives its space back, and the rest stays where it was', ({ fd, path }) => {
  writeSync(fd, Buffer.alloc(4 * MIB, 'x'));
  punchHole(fd, 0, 3 * MIB);
  const content = readFileSync(path);
  assert.is(content.length, 4 * MIB);
  assert.ok(content.subarray(0, 3 * MIB).equals(Buffer.alloc(3 * MIB)));
  assert.ok(content.subarray(3 * MIB).equals(Buffer.alloc(MIB, 'x')));
  assert.ok(diskBytes(fd) < 2 * MIB, `${diskBytes(fd)} bytes on disk`);
  writeSync(fd, 'y');
  assert.is(readFileSync(path).at(-1), 'y'.charCodeAt(0));
});

file('data is found after a hole; none in a file that is hole to its end', ({ fd }) => {
  assert.is(findData(fd, 0), null);
  writeSync(fd, Buffer.alloc(2 * MIB, 'x'));
  assert.is(findData(fd, 0), 0);
  assert.is(findData(fd, 100), 100);
  punchHole(fd, 0, MIB);
  assert.is(findData(fd, 0), MIB);
  assert.is(findData(fd, 2 * MIB), null);
  punchHole(fd, 0, 2 * MIB);
  assert.is(findData(fd, 0), null);
});

file('what cannot be punched says so', () => {
  const readOnly = openSync('/dev/null', 'r');
  const error = nativeError(() => punchHole(readOnly, 0, 4096));
  closeSync(readOnly);
  assert.is(error.syscall, 'fallocate');
  assert.match(error.message, /cannot punch 4096 bytes from 0 out of descriptor/);
  assert.is(nativeError(() => findData(99_999, 0)).code, 'EBADF');
});

file('makeFifo makes a pipe with a name, once', ({ folder }) => {
  const path = `${folder.path}/fifo`;
  makeFifo(path);
  assert.ok(statSync(path).isFIFO());
  assert.is(statSync(path).mode & 0o777, 0o600);
  assert.is(nativeError(() => makeFifo(path)).code, 'EEXIST');
  assert.throws(() => makeFifo(''), /expected path/);
});

file('ranges that are none are refused before any call', ({ fd }) => {
  assert.throws(() => punchHole(fd, -1, 1), /expected startBytes to be an integer from 0/);
  assert.throws(() => punchHole(fd, 0, 0), /expected lengthBytes to be an integer from 1/);
  assert.throws(() => findData(fd, 0.5), /expected fromBytes/);
});

file.run();
