import { fstatSync, readlinkSync, readSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { closeFd, createMemfd } from '../../native/index.js';
import { closesOnExec } from './observe.js';
import { Peer, stopPeers } from './peer.js';

const memfd = suite('memfd');

memfd.after.each(stopPeers);

memfd('has the size, the name, zero bytes, and is closed on exec', () => {
  const fd = createMemfd('ram0', 123_456);
  const start = Buffer.alloc(16, 0xff);
  readSync(fd, start, 0, 16, 0);
  assert.is(fstatSync(fd).size, 123_456);
  assert.is(readlinkSync(`/proc/self/fd/${fd}`), '/memfd:ram0 (deleted)');
  assert.equal(start, Buffer.alloc(16));
  assert.ok(closesOnExec('self', fd));
  closeFd(fd);
});

memfd('a size of more than 32 bits takes no memory until it is used', () => {
  const fd = createMemfd('large', 2 ** 40);
  assert.is(fstatSync(fd).size, 2 ** 40);
  assert.is(fstatSync(fd).blocks, 0);
  closeFd(fd);
});

memfd('the longest name is accepted, a longer one is refused with the limit', () => {
  closeFd(createMemfd('n'.repeat(249), 1));
  assert.throws(
    () => createMemfd('n'.repeat(250), 1),
    /the length of name in bytes .* from 0 to 249, got 250/,
  );
  assert.throws(() => createMemfd('é'.repeat(125), 1), /got 250/);
});

memfd('a name with NUL, an empty, negative or broken size are refused', () => {
  assert.throws(() => createMemfd('a\0b', 1), /expected name to be a string without NUL/);
  assert.throws(() => createMemfd('a', 0), /expected sizeBytes to be an integer from 1 .*, got 0/);
  assert.throws(() => createMemfd('a', -1), /sizeBytes/);
  assert.throws(() => createMemfd('a', 1.5), /sizeBytes/);
  assert.throws(() => createMemfd('a', Number.NaN), /got NaN/);
});

memfd('a size beyond the file size limit: EFBIG names both, and no descriptor is left', async () => {
  const peer = await Peer.start(['sh', '-c', 'ulimit -f 1; exec "$@"', 'sh']);
  const before = await peer.call('openFds');
  const error = await peer.failure('createMemfd', 'ram0', 1_048_576);
  assert.is(error.code, 'EFBIG');
  assert.is(error.syscall, 'ftruncate');
  assert.match(error.message, "create memfd 'ram0' of 1048576 bytes");
  assert.is(await peer.call('openFds'), before);
});

memfd('no free descriptor: EMFILE', async () => {
  const peer = await Peer.start(['sh', '-c', 'ulimit -n 40; exec "$@"', 'sh']);
  let code = '';
  for (let i = 0; i < 40 && code === ''; i += 1) {
    code = await peer.call('createMemfd', 'ram0', 4096).then(
      () => '',
      (error: Error) => error.message,
    );
  }
  assert.match(code, 'EMFILE');
  assert.match(code, 'memfd_create');
});

memfd.run();
