import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { closeFd, openPty, POLLHUP, ptyPath, readFd, readyEvents, writeFd } from '../../native/index.js';
import { closesOnExec, isNonBlocking, nativeError } from './observe.js';

const test = suite('pty');

test('all bytes pass unchanged in both directions, and none come back', () => {
  const ours = openPty();
  const theirs = openSync(ptyPath(ours), constants.O_RDWR | constants.O_NOCTTY);
  const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  const got = new Uint8Array(256);
  assert.is(isatty(theirs), true);
  assert.is(writeFd(ours, all), 256);
  assert.is(readSync(theirs, got), 256);
  assert.equal(got, all);
  got.fill(0);
  assert.is(writeSync(theirs, all), 256);
  assert.is(readFd(ours, got), 256);
  assert.equal(got, all);
  assert.is(readFd(ours, got), null, 'no echo');
  closeSync(theirs);
  closeFd(ours);
});

test('is non-blocking and closed on exec; a hang-up is EIO, and is over when it is opened again', () => {
  const ours = openPty();
  assert.equal([isNonBlocking(ours), closesOnExec('self', ours)], [true, true]);
  assert.is(readyEvents(ours, 0), 0, 'nobody has hung up yet');
  const path = ptyPath(ours);
  closeSync(openSync(path, constants.O_RDWR | constants.O_NOCTTY));
  assert.is(readyEvents(ours, 0), POLLHUP);
  assert.is(nativeError(() => readFd(ours, new Uint8Array(1))).code, 'EIO');
  const again = openSync(path, constants.O_RDWR | constants.O_NOCTTY);
  assert.is(readyEvents(ours, 0), 0);
  assert.is(ptyPath(ours), path);
  closeSync(again);
  closeFd(ours);
  assert.is(nativeError(() => ptyPath(0x7fff)).code, 'EBADF');
});

test.run();
