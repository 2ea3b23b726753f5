import { readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { execve } from '../../native/index.js';
import { tempDir } from '../helpers/temp-dir.js';
import { closesOnExec, fieldOf } from './observe.js';
import { Peer, stopPeers } from './peer.js';

const SIZE_BYTES = 65536;
const exec = suite<{ peer: Peer }>('exec');

exec.before.each(async (context) => {
  context.peer = await Peer.start();
});
exec.after.each(stopPeers);

exec('the new program has the same process number and the kept descriptors, by value', async ({ peer }) => {
  const kept = await peer.call<number>('createMemfd', 'kept', SIZE_BYTES);
  const closed = await peer.call<number>('createMemfd', 'closed', SIZE_BYTES);
  await peer.call('mapMemory', true, SIZE_BYTES, kept, 0);
  await peer.call('poke', 123, 45);
  assert.is(await peer.executeAnew([kept]), peer.pid);
  assert.is(readlinkSync(`/proc/${peer.pid}/fd/${kept}`), '/memfd:kept (deleted)');
  const targets = readdirSync(`/proc/${peer.pid}/fd`).map((fd) => readlinkSync(`/proc/${peer.pid}/fd/${fd}`));
  assert.not.ok(targets.includes('/memfd:closed (deleted)'));
  assert.is.not(kept, closed);
  await peer.call('mapMemory', false, SIZE_BYTES, kept, 0);
  assert.is(await peer.call('peek', 123), 45);
});

exec('ten programs one after another keep the same memory', async ({ peer }) => {
  const kept = await peer.call<number>('createMemfd', 'kept', SIZE_BYTES);
  for (let i = 0; i < 10; i += 1) {
    await peer.call('mapMemory', true, SIZE_BYTES, kept, 0);
    assert.is(await peer.call('peek', 0), i);
    await peer.call('poke', 0, i + 1);
    assert.is(await peer.executeAnew([kept]), peer.pid);
  }
});

exec('a lock of a kept descriptor is held across', async ({ peer }) => {
  const other = await Peer.start();
  const kept = await peer.call<number>('createMemfd', 'kept', SIZE_BYTES);
  await peer.call('lockOfd', kept, 'write', 0, 0);
  const copy = await other.call<number>('open', `/proc/${peer.pid}/fd/${kept}`, 'r+');
  await peer.executeAnew([kept]);
  assert.is(await other.call('lockOfd', copy, 'write', 0, 0), false);
  await peer.call('closeFd', kept);
  assert.is(await other.call('lockOfd', copy, 'write', 0, 0), true);
});

exec('arguments and environment arrive as they were, and nothing else', async ({ peer }) => {
  const script = 'printf "%s|" "$0" "$@"; env';
  const envp = ['PATH=/usr/bin:/bin', 'EMPTY=', 'EQUALS=a=b', 'TEXT=zwei Wörter'];
  const output = await peer.lastWords(
    'execve',
    '/bin/sh',
    ['name', '-c', script, 'zero', '', 'b c', 'ü'],
    envp,
    [],
  );
  const [line, ...variables] = output.split('\n');
  assert.is(line?.slice(0, line.lastIndexOf('|') + 1), 'zero||b c|ü|');
  const all = [line?.slice(line.lastIndexOf('|') + 1), ...variables];
  for (const variable of envp) assert.ok(all.includes(variable), variable);
  assert.not.ok(all.some((variable) => variable?.startsWith('HOME=')));
});

exec(
  'from a worker, with other threads running: the whole process becomes the new program',
  async ({ peer }) => {
    const status = await peer.lastWords('executeInWorker', '/bin/cat', ['cat', '/proc/self/status']);
    assert.is(fieldOf(status, 'Pid'), String(peer.pid));
    assert.is(fieldOf(status, 'Tgid'), String(peer.pid));
    assert.is(fieldOf(status, 'Threads'), '1');
  },
);

exec('a program that is not there: the process goes on, everything put back', async ({ peer }) => {
  const memfd = await peer.call<number>('createMemfd', 'kept', SIZE_BYTES);
  const inheritable = await peer.call<number>('createMemfd', 'inheritable', SIZE_BYTES);
  await peer.call('setCloseOnExec', inheritable, false);
  const error = await peer.failure(
    'execve',
    '/none/program',
    ['program', 'x'],
    ['A=1'],
    [memfd, inheritable],
  );
  assert.is(error.kind, 'NativeError');
  assert.is(error.code, 'ENOENT');
  assert.is(error.syscall, 'execve');
  assert.match(
    error.message,
    "execute '/none/program' with 2 arguments (10 bytes) and 1 variables (4 bytes)",
  );
  assert.ok(closesOnExec(peer.pid, memfd));
  assert.not.ok(closesOnExec(peer.pid, inheritable));
  assert.is(await peer.executeAnew([memfd]), peer.pid, 'and it can try again');
});

exec(
  'a descriptor to keep that is not open: EBADF names it, the others close on exec again',
  async ({ peer }) => {
    const memfd = await peer.call<number>('createMemfd', 'kept', SIZE_BYTES);
    const error = await peer.failure('execve', '/bin/true', ['true'], [], [memfd, 9999]);
    assert.is(error.code, 'EBADF');
    assert.is(error.syscall, 'fcntl');
    assert.match(error.message, 'keeping descriptor 9999');
    assert.ok(closesOnExec(peer.pid, memfd));
  },
);

exec('what cannot be executed: EACCES, ENOEXEC, E2BIG', async ({ peer }) => {
  const dir = await tempDir();
  writeFileSync(`${dir.path}/plain`, 'no program', { mode: 0o644 });
  writeFileSync(`${dir.path}/marked`, 'no program', { mode: 0o755 });
  assert.is((await peer.failure('execve', dir.path, ['x'], [], [])).code, 'EACCES');
  assert.is((await peer.failure('execve', `${dir.path}/plain`, ['x'], [], [])).code, 'EACCES');
  assert.is((await peer.failure('execve', `${dir.path}/marked`, ['x'], [], [])).code, 'ENOEXEC');
  const long = 'x'.repeat(200_000);
  const error = await peer.failure('execve', '/bin/true', ['true', long], [], []);
  assert.is(error.code, 'E2BIG');
  assert.match(error.message, '2 arguments (200006 bytes)');
  await dir.remove();
});

exec('closed standard descriptors are no error', async ({ peer }) => {
  await peer.call('closeFd', 2);
  assert.is(await peer.executeAnew([]), peer.pid);
});

exec('bad arguments are refused by name', () => {
  assert.throws(() => execve('', ['x'], [], []), /expected path to be a path/);
  assert.throws(() => execve('/bin/true', [], [], []), /argv to have at least the name of the program/);
  assert.throws(() => execve('/bin/true', ['a', 'b\0'], [], []), /expected argv\[1\]/);
  assert.throws(() => execve('/bin/true', ['a'], ['A=1', 'NAMELESS'], []), /NAME=value, got "NAMELESS"/);
  assert.throws(() => execve('/bin/true', ['a'], ['=x'], []), /NAME=value/);
  assert.throws(() => execve('/bin/true', ['a'], ['A=\0'], []), /expected envp\[0\]/);
  assert.throws(() => execve('/bin/true', ['a'], [], [-1]), /expected keepFds\[0\]/);
  assert.throws(
    () => execve('/bin/true', 'a' as unknown as string[], [], []),
    /argv to be an array of strings/,
  );
});

exec.run();
