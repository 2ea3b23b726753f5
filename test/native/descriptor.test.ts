import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  closeFd,
  createMemfd,
  createTimerFd,
  duplicateFd,
  NativeError,
  POLLIN,
  pollFd,
  readyEvents,
  replaceInheritableFd,
  setCloseOnExec,
  setNonBlocking,
  setTimerFd,
} from '../../native/index.js';
import { closesOnExec, isNonBlocking, nativeError } from './observe.js';

const descriptor = suite('descriptor');

descriptor('closeFd closes; a second time is EBADF, with the number', () => {
  const fd = createMemfd('ram', 1);
  closeFd(fd);
  assert.throws(() => fstatSync(fd), /EBADF/);
  const error = nativeError(() => closeFd(fd));
  assert.is(error.code, 'EBADF');
  assert.is(error.errno, 9);
  assert.is(error.syscall, 'close');
  assert.is(error.name, 'NativeError');
  assert.is(error.message, `EBADF: cannot close descriptor ${fd}: close: Bad file descriptor`);
});

descriptor('setCloseOnExec sets and clears, also twice, also of descriptors from elsewhere', () => {
  const fd = openSync('/dev/null', 'r');
  for (const on of [false, false, true, true, false]) {
    setCloseOnExec(fd, on);
    assert.is(closesOnExec('self', fd), on);
  }
  closeSync(fd);
});

descriptor('setCloseOnExec of what is not open: EBADF', () => {
  const error = nativeError(() => setCloseOnExec(99_999, true));
  assert.is(error.code, 'EBADF');
  assert.is(error.syscall, 'fcntl');
  assert.match(error.message, 'set close-on-exec of descriptor 99999');
});

descriptor('setNonBlocking holds for every copy of the description', () => {
  const fd = openSync('/dev/zero', 'r');
  const copy = openSync(`/proc/self/fd/${fd}`, 'r');
  setNonBlocking(fd);
  assert.is(isNonBlocking(fd), true);
  assert.is(isNonBlocking(copy), false);
  closeSync(fd);
  closeSync(copy);
  assert.is(nativeError(() => setNonBlocking(99_999)).code, 'EBADF');
});

descriptor('duplicateFd shares the open file, closes on exec and outlives its original', () => {
  const fd = createMemfd('ram', 8);
  const copy = duplicateFd(fd);
  assert.ok(copy > 2 && copy !== fd);
  assert.is(closesOnExec('self', copy), true);
  writeSync(fd, 'ab');
  closeFd(fd);
  const rest = Buffer.alloc(8);
  assert.is(readSync(copy, rest, 0, 8, null), 6, 'the position is that of the original');
  closeFd(copy);
  assert.is(nativeError(() => duplicateFd(99_999)).code, 'EBADF');
});

descriptor('replaceInheritableFd puts one file in the place of another', () => {
  const fd = createMemfd('ram', 8);
  const replaced = openSync('/dev/null', 'r');
  replaceInheritableFd(fd, replaced);
  assert.is(fstatSync(replaced).ino, fstatSync(fd).ino);
  assert.is(closesOnExec('self', replaced), false);
  closeFd(fd);
  closeSync(replaced);
  const error = nativeError(() => replaceInheritableFd(99_999, 99_998));
  assert.is(error.code, 'EBADF');
  assert.is(error.syscall, 'dup2');
});

descriptor('a timer is readable from its time on, once, until it is set again', async () => {
  const fd = createTimerFd();
  assert.is(closesOnExec('self', fd), true);
  assert.is(readyEvents(fd, POLLIN), 0);
  const startedAt = performance.now();
  setTimerFd(fd, 2_500_000);
  assert.is(await pollFd(fd, POLLIN, 5000), POLLIN);
  assert.ok(performance.now() - startedAt >= 2.4);
  assert.is(readyEvents(fd, POLLIN), POLLIN);
  setTimerFd(fd, 3_600_000_000_000);
  assert.is(readyEvents(fd, POLLIN), 0);
  setTimerFd(fd, 1);
  assert.is(await pollFd(fd, POLLIN, 5000), POLLIN);
  setTimerFd(fd, 0);
  assert.is(readyEvents(fd, POLLIN), 0);
  closeFd(fd);
  assert.is(nativeError(() => setTimerFd(fd, 1)).code, 'EBADF');
  assert.throws(() => setTimerFd(fd, -1), /expected delayNs to be an integer from 0/);
});

descriptor('what is no descriptor is refused before any call', () => {
  for (const wrong of [-1, 1.5, 2 ** 31, Number.NaN, '3', undefined, null] as number[]) {
    assert.throws(() => closeFd(wrong), /expected fd to be an integer from 0 to 2147483647, got /);
    assert.throws(() => setCloseOnExec(wrong, true), /expected fd/);
  }
  assert.throws(() => setCloseOnExec(1, 1 as unknown as boolean), /expected on to be a boolean, got 1/);
});

descriptor('an error number without a name still has a code', () => {
  const error = new NativeError('cannot do it', 4095, 'magic');
  assert.is(error.code, 'E4095');
  assert.is(error.message, 'E4095: cannot do it');
  assert.is(new NativeError('cannot do it', 11, 'read').code, 'EAGAIN');
});

descriptor.run();
