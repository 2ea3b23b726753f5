import { closeSync, openSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { closeFd, createMemfd, lockOfd, testOfd, unlockOfd } from '../../native/index.js';
import { type TempDir, tempDir } from '../helpers/temp-dir.js';
import { nativeError } from './observe.js';
import { Peer, stopPeers } from './peer.js';

const locks = suite<{ dir: TempDir; image: string; first: number; second: number }>('lock');

locks.before.each(async (context) => {
  context.dir = await tempDir();
  context.image = `${context.dir.path}/image`;
  writeFileSync(context.image, 'content of the image');
  context.first = openSync(context.image, 'r+');
  context.second = openSync(context.image, 'r+');
});
locks.after.each(stopPeers);
locks.after.each(async (context) => {
  closeSync(context.first);
  closeSync(context.second);
  await context.dir.remove();
});

locks('one writer at a time, also inside one process', ({ first, second }) => {
  assert.is(lockOfd(first, 'write', 0, 1), true);
  assert.is(lockOfd(second, 'write', 0, 1), false);
  assert.is(lockOfd(second, 'read', 0, 1), false);
  assert.is(lockOfd(first, 'write', 0, 1), true, 'again by its holder');
  unlockOfd(first, 0, 1);
  assert.is(lockOfd(second, 'write', 0, 1), true);
});

locks('many readers, who keep writers out', ({ first, second }) => {
  assert.is(lockOfd(first, 'read', 0, 1), true);
  assert.is(lockOfd(second, 'read', 0, 1), true);
  assert.is(lockOfd(first, 'write', 0, 1), false);
  unlockOfd(second, 0, 1);
  assert.is(lockOfd(first, 'write', 0, 1), true, 'the only reader becomes the writer');
});

locks('ranges are apart; length 0 reaches to the end', ({ first, second }) => {
  assert.is(lockOfd(first, 'write', 100, 1), true);
  assert.is(lockOfd(second, 'write', 101, 1), true);
  assert.is(lockOfd(second, 'write', 0, 100), true);
  assert.is(lockOfd(second, 'write', 0, 0), false);
  assert.is(lockOfd(first, 'write', 2 ** 52, 0), true);
  assert.is(lockOfd(second, 'write', 2 ** 52 + 1_000_000, 1), false);
});

locks('testOfd names the range and type in the way, and takes nothing', ({ first, second }) => {
  assert.is(testOfd(second, 'write', 0, 0), null);
  lockOfd(first, 'write', 10, 5);
  assert.equal(testOfd(second, 'read', 0, 0), { type: 'write', startBytes: 10, lengthBytes: 5, pid: null });
  assert.is(testOfd(first, 'write', 0, 0), null, 'its own lock is not in the way');
  assert.is(testOfd(second, 'write', 0, 10), null);
  unlockOfd(first, 10, 5);
  lockOfd(first, 'read', 0, 0);
  assert.is(testOfd(second, 'read', 0, 1), null);
  assert.equal(testOfd(second, 'write', 0, 1), { type: 'read', startBytes: 0, lengthBytes: 0, pid: null });
});

locks('a part can be unlocked', ({ first, second }) => {
  lockOfd(first, 'write', 0, 10);
  unlockOfd(first, 4, 2);
  assert.is(lockOfd(second, 'write', 4, 2), true);
  assert.is(lockOfd(second, 'write', 3, 1), false);
});

locks(
  'two processes: the second waits for nobody and gets it when the first has ended',
  async ({ image, first }) => {
    const peer = await Peer.start();
    const theirs = await peer.call<number>('open', image, 'r+');
    assert.is(await peer.call('lockOfd', theirs, 'write', 0, 1), true);
    assert.is(lockOfd(first, 'write', 0, 1), false);
    assert.equal(testOfd(first, 'write', 0, 1), { type: 'write', startBytes: 0, lengthBytes: 1, pid: null });
    await peer.stop();
    assert.is(lockOfd(first, 'write', 0, 1), true);
  },
);

locks('a lock moves with its descriptor to another process', async ({ dir, image, first }) => {
  const [source, target] = await Promise.all([Peer.start(), Peer.start()]);
  const theirs = await source.call<number>('open', image, 'r+');
  await source.call('lockOfd', theirs, 'write', 0, 1);
  const listener = await target.call<number>('listenUnix', `${dir.path}/socket`, 1);
  const connection = await source.call<number>('connectUnix', `${dir.path}/socket`);
  const accepted = await target.call<number>('acceptUnix', listener);
  await source.call('sendText', connection, 'lock', [theirs]);
  const message = await target.call<{ fds: number[] }>('receiveText', accepted, 10, 1);
  const [moved = -1] = message.fds;
  await source.stop();
  assert.is(lockOfd(first, 'write', 0, 1), false, 'the source is gone, the target holds it');
  assert.is(await target.call('lockOfd', moved, 'write', 0, 1), true, 'and it is the target’s own');
  await target.call('closeFd', moved);
  assert.is(lockOfd(first, 'write', 0, 1), true);
});

locks('errors: not open, not open for writing', ({ image }) => {
  assert.is(nativeError(() => lockOfd(9999, 'read', 0, 1)).code, 'EBADF');
  assert.is(nativeError(() => unlockOfd(9999, 0, 1)).code, 'EBADF');
  assert.is(nativeError(() => testOfd(9999, 'read', 0, 1)).code, 'EBADF');
  const readOnly = openSync(image, 'r');
  const error = nativeError(() => lockOfd(readOnly, 'write', 3, 4));
  assert.is(error.code, 'EBADF');
  assert.is(error.syscall, 'fcntl');
  assert.match(error.message, `write-lock 4 bytes from 3 of descriptor ${readOnly}`);
  assert.is(lockOfd(readOnly, 'read', 3, 4), true);
  closeSync(readOnly);
});

locks('bad arguments are refused by name', () => {
  const fd = createMemfd('ram', 1);
  assert.throws(
    () => lockOfd(fd, 'both' as 'read', 0, 1),
    /expected type to be "read" or "write", got "both"/,
  );
  assert.throws(() => testOfd(fd, undefined as unknown as 'read', 0, 1), /expected type/);
  assert.throws(() => lockOfd(fd, 'read', -1, 1), /expected startBytes/);
  assert.throws(() => unlockOfd(fd, 0, -1), /expected lengthBytes/);
  assert.throws(() => testOfd(fd, 'read', 0.5, 1), /expected startBytes/);
  closeFd(fd);
});

locks.run();
