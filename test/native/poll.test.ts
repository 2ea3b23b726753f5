import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { setImmediate as immediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  closeFd,
  MAX_POLL_MS,
  NativeError,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDHUP,
  pollFd,
  receiveMessage,
  sendMessage,
  shutdownWrite,
} from '../../native/index.js';
import { type TempDir, tempDir } from '../helpers/temp-dir.js';
import { within } from '../helpers/wait.js';
import { isNonBlocking, openFds, socketPair } from './observe.js';

const polling = suite<{ dir: TempDir; path: string; near: number; far: number }>('poll');
const ONE = Buffer.from('x');

polling.before.each(async (context) => {
  context.dir = await tempDir();
  context.path = `${context.dir.path}/socket`;
  [context.near, context.far] = socketPair(context.path);
});
polling.after.each(async (context) => {
  closeFd(context.near);
  closeFd(context.far);
  await context.dir.remove();
});

/** The error a promise is rejected with. */
function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => {
      throw new Error(`expected a rejection, got ${String(value)}`);
    },
    (error: unknown) => error,
  );
}

polling('what is ready already: the events that were asked for', async ({ near, far }) => {
  sendMessage(far, ONE, []);
  assert.is(await pollFd(near, POLLIN, 0), POLLIN);
  assert.is(await pollFd(near, POLLIN, 1000), POLLIN);
  assert.is(await pollFd(near, POLLOUT, 1000), POLLOUT);
  assert.is(await pollFd(near, POLLIN | POLLOUT, 1000), POLLIN | POLLOUT);
});

polling('what becomes ready during the wait', async ({ near, far }) => {
  const events = pollFd(near, POLLIN, 10_000);
  sendMessage(far, ONE, []);
  assert.is(await within(events, 5000, 'the event'), POLLIN);
});

polling('nothing comes: 0, not before the timeout', async ({ near }) => {
  const startedAt = performance.now();
  assert.is(await pollFd(near, POLLIN, 50), 0);
  assert.ok(performance.now() - startedAt >= 49);
  assert.is(await pollFd(near, POLLIN, 0), 0);
});

polling('a thread that was busy before the call does not shorten the wait', async ({ near }) => {
  const busyUntil = performance.now() + 60;
  while (performance.now() < busyUntil);
  const startedAt = performance.now();
  assert.is(await pollFd(near, POLLIN, 50), 0);
  assert.ok(performance.now() - startedAt >= 49);
});

polling(
  'the other side ends: POLLHUP though not asked for; half a connection: POLLRDHUP',
  async ({ path }) => {
    const [client, server] = socketPair(path);
    const half = pollFd(server, POLLRDHUP, 10_000);
    shutdownWrite(client);
    assert.is(await within(half, 5000, 'the event'), POLLRDHUP);
    closeFd(client);
    assert.is((await pollFd(server, 0, 10_000)) & POLLHUP, POLLHUP);
    closeFd(server);
  },
);

polling('two waits for one descriptor both see the event', async ({ near, far }) => {
  const both = [pollFd(near, POLLIN, 10_000), pollFd(near, POLLIN, 10_000)];
  sendMessage(far, ONE, []);
  assert.equal(await within(Promise.all(both), 5000, 'both events'), [POLLIN, POLLIN]);
});

polling('a stream that Node reads from the same descriptor goes on', async ({ path }) => {
  const [client, server] = socketPair(path);
  const stream = new Socket({ fd: client, readable: true, writable: true });
  stream.resume();
  const wait = pollFd(client, POLLRDHUP, 10_000);
  const data = once(stream, 'data');
  sendMessage(server, Buffer.from('to the stream'), []);
  assert.is(String(await within(data, 5000, 'data of the stream')), 'to the stream');
  shutdownWrite(server);
  assert.is((await within(wait, 5000, 'the event')) & POLLRDHUP, POLLRDHUP);
  await within(once(stream, 'close'), 5000, 'the stream to close');
  closeFd(server);
});

polling('a file is always ready', async () => {
  const file = openSync('/proc/self/exe', 'r');
  assert.is(await pollFd(file, POLLIN, 1000), POLLIN);
  closeSync(file);
});

polling('a blocking descriptor stays blocking', async ({ dir }) => {
  const fifo = `${dir.path}/fifo`;
  assert.is(spawnSync('mkfifo', [fifo]).status, 0);
  const pipe = openSync(fifo, 'r+');
  assert.is(await pollFd(pipe, POLLIN, 20), 0);
  assert.not.ok(isNonBlocking(pipe));
  writeSync(pipe, 'x');
  assert.is(await pollFd(pipe, POLLIN, 1000), POLLIN);
  closeSync(pipe);
});

polling(
  'closed during the wait: the wait ends with its timeout and the file is not held open',
  async ({ path }) => {
    const [client, server] = socketPair(path);
    const wait = pollFd(client, POLLIN, 100);
    closeFd(client);
    assert.equal(receiveMessage(server, 10, 0)?.data.length, 0);
    assert.is(await within(wait, 5000, 'the timeout'), 0);
    closeFd(server);
  },
);

polling('a descriptor that is not open: EBADF, named', async () => {
  const error = await rejection(pollFd(99_999, POLLIN, 1000));
  assert.instance(error, NativeError);
  assert.is((error as NativeError).code, 'EBADF');
  assert.is((error as NativeError).syscall, 'poll');
  assert.match((error as NativeError).message, 'wait for descriptor 99999');
});

polling('bad arguments reject, and a timeout beyond the limit is refused', async ({ near }) => {
  assert.match(String(await rejection(pollFd(-1, POLLIN, 0))), /RangeError: expected fd/);
  assert.match(String(await rejection(pollFd(near, -1, 0))), /expected events/);
  assert.match(String(await rejection(pollFd(near, 1 << 16, 0))), /expected events/);
  assert.match(String(await rejection(pollFd(near, POLLIN, -1))), /expected timeoutMs/);
  assert.match(
    String(await rejection(pollFd(near, POLLIN, MAX_POLL_MS + 1))),
    /expected timeoutMs to be an integer from 0 to 10000, got 10001/,
  );
});

polling('waits leave no descriptor behind, however they end', async ({ near, far }) => {
  await pollFd(near, POLLIN, 1);
  const before = openFds();
  const waits = Array.from({ length: 200 }, (_, i) => pollFd(near, POLLIN, i % 2 === 0 ? 5 : 10_000));
  const timeouts = await Promise.all(waits.filter((_, i) => i % 2 === 0));
  sendMessage(far, ONE, []);
  await within(Promise.all(waits), 5000, 'all waits');
  assert.ok(timeouts.every((events) => events === 0));
  assert.is(openFds(), before);
});

polling(
  'more waits for one file than the kernel allows: the rest reject, the process lives',
  async ({ near, far }) => {
    const before = openFds();
    const waits = Array.from({ length: 1000 }, () => pollFd(near, POLLIN, 10_000));
    const settled = Promise.allSettled(waits);
    await immediate(); // the loop has seen them all
    sendMessage(far, ONE, []);
    const results = await within(settled, 5000, 'all waits');
    const refused = results.filter((result) => result.status === 'rejected');
    assert.ok(refused.length > 0 && refused.length < 1000);
    assert.ok(refused.every(({ reason }) => reason instanceof NativeError && reason.code === 'EAGAIN'));
    assert.match(String(refused[0]?.reason), 'the kernel allows 500 waits for one file at a time');
    assert.is(openFds(), before);
  },
);

polling('many waits hold up neither file operations nor the exit of the process', async () => {
  const script = fileURLToPath(new URL('./fixtures/exit-while-waiting.js', import.meta.url));
  const startedAt = performance.now();
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = await within(once(child, 'exit'), 9000, 'the process to exit while it waits');
  assert.is(code, 7);
  assert.ok(performance.now() - startedAt < 9000);
});

polling.run();
