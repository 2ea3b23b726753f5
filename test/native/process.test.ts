import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readSync } from 'node:fs';
import { constants } from 'node:os';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { closeFd, POLLIN, pidfdGetFd, pidfdOpen, pidfdSendSignal, pollFd } from '../../native/index.js';
import { within } from '../helpers/wait.js';
import { closesOnExec, nativeError } from './observe.js';
import { Peer, stopPeers } from './peer.js';

const processes = suite<{ child: ChildProcess; pid: number }>('process');

processes.before.each(async (context) => {
  context.child = spawn('sleep', ['60'], { stdio: 'ignore' });
  await once(context.child, 'spawn');
  context.pid = context.child.pid ?? -1;
});
processes.after.each(stopPeers);
processes.after.each(async (context) => {
  if (context.child.exitCode !== null || context.child.signalCode !== null) return;
  const exit = once(context.child, 'exit');
  context.child.kill('SIGKILL');
  await within(exit, 5000, 'the child to end');
});

processes('a running process: no event, answers to signal 0, closed on exec', async ({ pid }) => {
  const pidfd = pidfdOpen(pid);
  assert.is(await pollFd(pidfd, POLLIN, 0), 0);
  pidfdSendSignal(pidfd, 0);
  assert.ok(closesOnExec('self', pidfd));
  closeFd(pidfd);
});

processes('a signal reaches it, and its end is an event', async ({ child, pid }) => {
  const pidfd = pidfdOpen(pid);
  const exit = once(child, 'exit');
  const end = pollFd(pidfd, POLLIN, 10_000);
  pidfdSendSignal(pidfd, constants.signals.SIGTERM);
  assert.is((await within(end, 5000, 'the event')) & POLLIN, POLLIN);
  assert.equal(await within(exit, 5000, 'the exit'), [null, 'SIGTERM']);
  closeFd(pidfd);
});

processes('one that has ended and was reaped: ESRCH, to open it and to signal it', async ({ child, pid }) => {
  const pidfd = pidfdOpen(pid);
  const exit = once(child, 'exit');
  pidfdSendSignal(pidfd, constants.signals.SIGKILL);
  await within(exit, 5000, 'the exit');
  const error = nativeError(() => pidfdSendSignal(pidfd, 0));
  assert.is(error.code, 'ESRCH');
  assert.is(error.syscall, 'pidfd_send_signal');
  assert.match(error.message, `send signal 0 to process descriptor ${pidfd}`);
  assert.is(nativeError(() => pidfdGetFd(pidfd, 0)).code, 'ESRCH');
  const gone = nativeError(() => pidfdOpen(pid));
  assert.is(gone.code, 'ESRCH');
  assert.match(gone.message, `open process ${pid}`);
  closeFd(pidfd);
});

processes('pidfdGetFd: a copy of a descriptor of that process', async () => {
  const peer = await Peer.start();
  const theirs = await peer.call<number>('createMemfd', 'ram', 65536);
  await peer.call('mapMemory', true, 65536, theirs, 0);
  await peer.call('poke', 9, 99);
  const pidfd = pidfdOpen(peer.pid);
  const copy = pidfdGetFd(pidfd, theirs);
  const byte = Buffer.alloc(1);
  readSync(copy, byte, 0, 1, 9);
  assert.is(byte[0], 99);
  assert.ok(closesOnExec('self', copy));
  const error = nativeError(() => pidfdGetFd(pidfd, 9999));
  assert.is(error.code, 'EBADF');
  assert.match(error.message, `take descriptor 9999 of process descriptor ${pidfd}`);
  closeFd(copy);
  closeFd(pidfd);
});

processes('what is no process descriptor: EBADF; signals that are none: refused', ({ pid }) => {
  assert.is(nativeError(() => pidfdSendSignal(1, 0)).code, 'EBADF');
  assert.is(nativeError(() => pidfdSendSignal(9999, 0)).code, 'EBADF');
  assert.is(nativeError(() => pidfdGetFd(9999, 0)).code, 'EBADF');
  assert.throws(() => pidfdOpen(0), /expected pid to be an integer from 1 /);
  assert.throws(() => pidfdOpen(-1), /expected pid/);
  const pidfd = pidfdOpen(pid);
  assert.throws(() => pidfdSendSignal(pidfd, 65), /expected signal to be an integer from 0 to 64, got 65/);
  assert.throws(() => pidfdSendSignal(pidfd, -1), /expected signal/);
  assert.throws(() => pidfdGetFd(pidfd, -1), /expected fd/);
  closeFd(pidfd);
});

processes.run();
