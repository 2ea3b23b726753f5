import { fstatSync, readSync, writeSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  acceptUnix,
  closeFd,
  createMemfd,
  listenUnix,
  MAX_MESSAGE_FDS,
  receiveMessage,
  sendMessage,
} from '../../native/index.js';
import { type TempDir, tempDir } from '../helpers/temp-dir.js';
import { waitFor } from '../helpers/wait.js';
import { closesOnExec, nativeError, openFds, socketPair } from './observe.js';
import { Peer, stopPeers } from './peer.js';

const passing = suite<{ dir: TempDir; path: string; sender: number; receiver: number }>('fd passing');
const ONE = Buffer.from('x');

passing.before.each(async (context) => {
  context.dir = await tempDir();
  context.path = `${context.dir.path}/socket`;
  [context.sender, context.receiver] = socketPair(context.path);
});
passing.after.each(stopPeers);
passing.after.each(async (context) => {
  closeFd(context.sender);
  closeFd(context.receiver);
  await context.dir.remove();
});

passing(
  'the received descriptor is the same file under a new number, closed on exec',
  ({ sender, receiver }) => {
    const memfd = createMemfd('ram', 4096);
    writeSync(memfd, 'content', 0);
    assert.is(sendMessage(sender, Buffer.from('take it'), [memfd]), 7);
    const message = receiveMessage(receiver, 100, 1);
    const [received = -1] = message?.fds ?? [];
    const content = Buffer.alloc(7);
    readSync(received, content, 0, 7, 0);
    assert.is(Buffer.from(message?.data ?? '').toString(), 'take it');
    assert.is.not(received, memfd);
    assert.is(fstatSync(received).ino, fstatSync(memfd).ino);
    assert.is(content.toString(), 'content');
    assert.ok(closesOnExec('self', received));
    closeFd(received);
    closeFd(memfd);
  },
);

passing('nothing there: null; the other side gone: empty data', ({ path }) => {
  const [client, server] = socketPair(path);
  assert.is(receiveMessage(server, 100, 1), null);
  closeFd(client);
  assert.equal(receiveMessage(server, 100, 1), { data: new Uint8Array(0), fds: [] });
  closeFd(server);
});

passing('a message that was sent before the sender closed is not lost, descriptors included', ({ path }) => {
  const [client, server] = socketPair(path);
  const memfd = createMemfd('ram', 4096);
  sendMessage(client, ONE, [memfd]);
  closeFd(client);
  closeFd(memfd);
  const message = receiveMessage(server, 100, 1);
  assert.is(fstatSync(message?.fds[0] ?? -1).size, 4096);
  closeFd(message?.fds[0] ?? -1);
  closeFd(server);
});

passing('bytes without descriptors from shared memory, read in parts', ({ sender, receiver }) => {
  const shared = new Uint8Array(new SharedArrayBuffer(10));
  shared.set([1, 2, 3, 4, 5], 2);
  assert.is(sendMessage(sender, shared.subarray(2, 7), []), 5);
  assert.equal(receiveMessage(receiver, 3, 0)?.data, new Uint8Array([1, 2, 3]));
  assert.equal(receiveMessage(receiver, 3, 0)?.data, new Uint8Array([4, 5]));
});

passing('one call returns the descriptors of one message only', ({ sender, receiver }) => {
  const memfds = [createMemfd('first', 4096), createMemfd('second', 8192)];
  for (const fd of memfds) sendMessage(sender, ONE, [fd]);
  const sizes = [];
  for (const _ of memfds) {
    const { data, fds } = receiveMessage(receiver, 100, 8) ?? { data: '', fds: [] };
    sizes.push([data.length, ...fds.map((fd) => fstatSync(fd).size)]);
    fds.map(closeFd);
  }
  assert.equal(sizes, [
    [1, 4096],
    [1, 8192],
  ]);
  memfds.map(closeFd);
});

passing('the most descriptors that fit in one message', ({ sender, receiver }) => {
  const memfd = createMemfd('ram', 4096);
  const before = openFds();
  sendMessage(sender, ONE, Array(MAX_MESSAGE_FDS).fill(memfd));
  const message = receiveMessage(receiver, 100, MAX_MESSAGE_FDS);
  assert.is(message?.fds.length, MAX_MESSAGE_FDS);
  assert.is(new Set(message?.fds).size, MAX_MESSAGE_FDS);
  assert.is(openFds(), before + MAX_MESSAGE_FDS);
  message?.fds.map(closeFd);
  closeFd(memfd);
});

for (const [sent, maxFds] of [
  [1, 0],
  [2, 1],
  [3, 2],
  [253, 252],
] as const) {
  passing(`${sent} descriptors where ${maxFds} are expected: EMSGSIZE, and none stays open`, (context) => {
    const memfd = createMemfd('ram', 4096);
    const before = openFds();
    sendMessage(context.sender, ONE, Array(sent).fill(memfd));
    const error = nativeError(() => receiveMessage(context.receiver, 100, maxFds));
    assert.is(error.code, 'EMSGSIZE');
    assert.is(error.syscall, 'recvmsg');
    assert.match(
      error.message,
      `at most 100 bytes and ${maxFds} descriptors on descriptor ${context.receiver}`,
    );
    assert.is(openFds(), before);
    closeFd(memfd);
  });
}

passing('a full socket: EAGAIN, with what was tried; then it goes on', ({ sender, receiver }) => {
  const chunk = Buffer.alloc(65536);
  const error = nativeError(() => {
    for (;;) sendMessage(sender, chunk, []);
  });
  assert.is(error.code, 'EAGAIN');
  assert.is(error.syscall, 'sendmsg');
  assert.match(error.message, `send 65536 bytes and 0 descriptors on descriptor ${sender}`);
  while (receiveMessage(receiver, 1 << 20, 0) !== null);
  assert.ok(sendMessage(sender, chunk, []) > 0);
});

passing('a message larger than the socket is sent in part, and the part is said', ({ sender, receiver }) => {
  const memfd = createMemfd('ram', 4096);
  const sent = sendMessage(sender, Buffer.alloc(16 << 20), [memfd]);
  assert.ok(sent > 0 && sent < 16 << 20);
  const message = receiveMessage(receiver, 100, 1);
  assert.is(message?.fds.length, 1, 'the descriptors go with the first byte');
  closeFd(message?.fds[0] ?? -1);
  closeFd(memfd);
});

passing('the reader gone: EPIPE and no signal', ({ path }) => {
  const [client, server] = socketPair(path);
  closeFd(server);
  assert.is(nativeError(() => sendMessage(client, ONE, [])).code, 'EPIPE');
  closeFd(client);
});

passing('what is no socket, what is not open, a descriptor to pass that is not open', ({ sender }) => {
  const memfd = createMemfd('ram', 4096);
  assert.is(nativeError(() => sendMessage(memfd, ONE, [])).code, 'ENOTSOCK');
  assert.is(nativeError(() => receiveMessage(memfd, 1, 0)).code, 'ENOTSOCK');
  assert.is(nativeError(() => receiveMessage(99_999, 1, 0)).code, 'EBADF');
  assert.is(nativeError(() => sendMessage(sender, ONE, [99_999])).code, 'EBADF');
  closeFd(memfd);
});

passing('arguments out of bounds are refused by name', ({ sender, receiver }) => {
  assert.throws(() => sendMessage(sender, new Uint8Array(0), []), /expected data to have at least one byte/);
  assert.throws(
    () => sendMessage(sender, 'x' as unknown as Uint8Array, []),
    /data to be a Uint8Array, got "x"/,
  );
  assert.throws(
    () => sendMessage(sender, ONE, Array(254).fill(1)),
    /fds to have at most 253 descriptors, got 254/,
  );
  assert.throws(() => sendMessage(sender, ONE, [0, -1]), /expected fds\[1\]/);
  assert.throws(() => sendMessage(sender, ONE, null as unknown as number[]), /fds to be an array/);
  assert.throws(() => receiveMessage(receiver, 0, 0), /expected maxBytes .* from 1 to 16777216, got 0/);
  assert.throws(() => receiveMessage(receiver, 1, 254), /expected maxFds .* from 0 to 253, got 254/);
  assert.throws(() => receiveMessage(receiver, (16 << 20) + 1, 0), /expected maxBytes/);
});

passing(
  'between two processes: a memory is handed over and outlives the one that made it',
  async ({ dir }) => {
    const listener = listenUnix(`${dir.path}/hand-over`, 1);
    const peer = await Peer.start();
    const connection = await peer.call<number>('connectUnix', `${dir.path}/hand-over`);
    const theirs = await peer.call<number>('createMemfd', 'handed over', SIZE_BYTES);
    await peer.call('mapMemory', true, SIZE_BYTES, theirs, 0);
    await peer.call('poke', 99, 42);
    await peer.call('sendText', connection, 'here', [theirs]);
    const server = await waitFor(() => acceptUnix(listener), { what: 'the connection of the peer' });
    const message = await waitFor(() => receiveMessage(server, 100, 1), { what: 'the message of the peer' });
    await peer.stop();
    const byte = Buffer.alloc(1);
    readSync(message.fds[0] ?? -1, byte, 0, 1, 99);
    assert.is(byte[0], 42);
    for (const fd of [listener, server, ...message.fds]) closeFd(fd);
  },
);

const SIZE_BYTES = 65536;

passing('a process that may open no more descriptors: EMSGSIZE, and none stays open', async ({ dir }) => {
  const listener = listenUnix(`${dir.path}/limited`, 1);
  const memfd = createMemfd('ram', 4096);
  const peer = await Peer.start(['sh', '-c', 'ulimit -n 60; exec "$@"', 'sh']);
  const connection = await peer.call<number>('connectUnix', `${dir.path}/limited`);
  const server = await waitFor(() => acceptUnix(listener), { what: 'the connection of the peer' });
  const before = await peer.call('openFds');
  sendMessage(server, ONE, Array(60).fill(memfd));
  const error = await peer.failure('receiveText', connection, 100, 60);
  assert.is(error.code, 'EMSGSIZE');
  assert.match(error.message, 'this process may open no more');
  assert.is(await peer.call('openFds'), before);
  for (const fd of [listener, server, memfd]) closeFd(fd);
});

passing.run();
