import { existsSync, lstatSync, symlinkSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  acceptUnix,
  closeFd,
  connectUnix,
  createMemfd,
  listenUnix,
  receiveMessage,
  sendMessage,
  shutdownWrite,
  unreadBytes,
} from '../../native/index.js';
import { type TempDir, tempDir } from '../helpers/temp-dir.js';
import { closesOnExec, isNonBlocking, nativeError, openFds, socketPair } from './observe.js';

const sockets = suite<{ dir: TempDir; path: string }>('unix socket');

sockets.before.each(async (context) => {
  context.dir = await tempDir();
  context.path = `${context.dir.path}/socket`;
});
sockets.after.each((context) => context.dir.remove());

sockets('accept: null while nobody connects, then the connection', ({ path }) => {
  const listener = listenUnix(path, 4);
  assert.is(acceptUnix(listener), null);
  const client = connectUnix(path);
  const server = acceptUnix(listener);
  assert.type(server, 'number');
  assert.is(acceptUnix(listener), null);
  for (const fd of [listener, client, server as number]) {
    assert.ok(closesOnExec('self', fd));
    assert.ok(isNonBlocking(fd));
    closeFd(fd);
  }
});

sockets('listen replaces a socket file, stale or not: the newer listener wins', ({ path }) => {
  const older = listenUnix(path, 1);
  const newer = listenUnix(path, 1);
  const client = connectUnix(path);
  assert.is(acceptUnix(older), null);
  const server = acceptUnix(newer);
  assert.is.not(server, null);
  for (const fd of [older, newer, client, server as number]) closeFd(fd);
  closeFd(listenUnix(path, 1));
});

sockets('listen leaves any other file alone and says so', ({ path, dir }) => {
  writeFileSync(path, 'precious');
  const error = nativeError(() => listenUnix(path, 1));
  assert.is(error.code, 'EADDRINUSE');
  assert.match(error.message, 'a file that is not a socket is in the way');
  assert.match(error.message, path);
  assert.ok(lstatSync(path).isFile());
  closeFd(listenUnix(`${dir.path}/target`, 1));
  symlinkSync(`${dir.path}/target`, `${dir.path}/link`);
  assert.is(nativeError(() => listenUnix(`${dir.path}/link`, 1)).code, 'EADDRINUSE');
  assert.ok(existsSync(`${dir.path}/target`));
});

sockets('a path of 107 bytes works, one of 108 is refused before anything is touched', ({ dir }) => {
  const longest = `${dir.path}/`.padEnd(107, 'x');
  const listener = listenUnix(longest, 1);
  closeFd(connectUnix(longest));
  closeFd(listener);
  for (const act of [() => listenUnix(`${longest}x`, 1), () => connectUnix(`${longest}x`)]) {
    const error = nativeError(act);
    assert.is(error.code, 'ENAMETOOLONG');
    assert.match(error.message, 'a socket path can have 107 bytes, this one has 108');
  }
  const multibyte = `${dir.path}/`.padEnd(100, 'é');
  assert.is(nativeError(() => listenUnix(multibyte, 1)).code, 'ENAMETOOLONG');
});

sockets('a folder that is not there: ENOENT, with the path; no descriptor is left', ({ dir }) => {
  const before = openFds();
  const error = nativeError(() => listenUnix(`${dir.path}/none/socket`, 1));
  assert.is(error.code, 'ENOENT');
  assert.is(error.syscall, 'bind');
  assert.match(error.message, `listen on socket '${dir.path}/none/socket'`);
  assert.is(nativeError(() => connectUnix(`${dir.path}/none/socket`)).code, 'ENOENT');
  assert.is(openFds(), before);
});

sockets('connect: ECONNREFUSED when nobody listens, EAGAIN when the backlog is full', ({ path }) => {
  const listener = listenUnix(path, 0);
  const first = connectUnix(path);
  const error = nativeError(() => connectUnix(path));
  assert.is(error.code, 'EAGAIN');
  assert.is(error.syscall, 'connect');
  closeFd(first);
  closeFd(listener);
  assert.is(nativeError(() => connectUnix(path)).code, 'ECONNREFUSED');
});

sockets('accept on what does not listen: EINVAL; on what is no socket: ENOTSOCK', ({ path }) => {
  const [client, server] = socketPair(path);
  const memfd = createMemfd('ram', 1);
  assert.is(nativeError(() => acceptUnix(client)).code, 'EINVAL');
  assert.is(nativeError(() => acceptUnix(memfd)).code, 'ENOTSOCK');
  assert.is(nativeError(() => acceptUnix(99_999)).code, 'EBADF');
  for (const fd of [client, server, memfd]) closeFd(fd);
});

sockets('shutdownWrite: the peer reads what was sent and then the end, and can answer', ({ path }) => {
  const [client, server] = socketPair(path);
  sendMessage(client, Buffer.from('last'), []);
  shutdownWrite(client);
  assert.is(Buffer.from(receiveMessage(server, 100, 0)?.data ?? '').toString(), 'last');
  assert.is(receiveMessage(server, 100, 0)?.data.length, 0);
  sendMessage(server, Buffer.from('answer'), []);
  assert.is(Buffer.from(receiveMessage(client, 100, 0)?.data ?? '').toString(), 'answer');
  assert.is(nativeError(() => sendMessage(client, Buffer.from('more'), [])).code, 'EPIPE');
  for (const fd of [client, server]) closeFd(fd);
});

sockets('unreadBytes: more than none until the peer has read all', ({ path }) => {
  const [client, server] = socketPair(path);
  assert.is(unreadBytes(client), 0);
  sendMessage(client, Buffer.from('abcdef'), []);
  assert.ok(unreadBytes(client) > 0);
  receiveMessage(server, 3, 0);
  assert.ok(unreadBytes(client) > 0);
  receiveMessage(server, 3, 0);
  assert.is(unreadBytes(client), 0);
  for (const fd of [client, server]) closeFd(fd);
  assert.is(nativeError(() => unreadBytes(client)).code, 'EBADF');
});

sockets('shutdownWrite on no socket: ENOTSOCK', () => {
  const memfd = createMemfd('ram', 1);
  const error = nativeError(() => shutdownWrite(memfd));
  assert.is(error.code, 'ENOTSOCK');
  assert.is(error.syscall, 'shutdown');
  closeFd(memfd);
});

sockets('empty paths, paths with NUL and bad backlogs are refused', ({ path }) => {
  assert.throws(() => listenUnix('', 1), /expected path to be a path, got an empty string/);
  assert.throws(() => connectUnix(''), /empty string/);
  assert.throws(() => listenUnix('\0abstract', 1), /without NUL/);
  assert.throws(() => connectUnix('\0abstract'), /without NUL/);
  assert.throws(() => listenUnix(path, -1), /expected backlog/);
  assert.not.ok(existsSync(path));
});

sockets.run();
