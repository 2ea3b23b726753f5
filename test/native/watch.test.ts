import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  closeFd,
  createMemfd,
  type FdWatch,
  POLLIN,
  POLLOUT,
  POLLRDHUP,
  readFd,
  sendMessage,
  shutdownWrite,
  watchFd,
  writeFd,
} from '../../native/index.js';
import { type TempDir, tempDir } from '../helpers/temp-dir.js';
import { waitFor, within } from '../helpers/wait.js';
import { isNonBlocking, nativeError, openFds, socketPair } from './observe.js';

const test = suite<{ dir: TempDir; near: number; far: number; watches: FdWatch[] }>('watch');
const ONE = Buffer.from('x');
const TURNS = 5;

test.before.each(async (context) => {
  context.dir = await tempDir();
  [context.near, context.far] = socketPair(`${context.dir.path}/socket`);
  context.watches = [];
});
test.after.each(async ({ dir, near, far, watches }) => {
  for (const watch of watches) watch.end();
  closeFd(near);
  closeFd(far);
  await dir.remove();
});

async function turns(): Promise<void> {
  for (let count = 0; count < TURNS; count++) await turn();
}

test('tells of nothing until it is set, then in each turn, until it is unset', async ({
  near,
  far,
  watches,
}) => {
  const heard: number[] = [];
  const watch = watchFd(near, (events) => heard.push(events));
  watches.push(watch);
  sendMessage(far, ONE, []);
  await turns();
  assert.equal(heard, []);
  watch.set(POLLIN);
  await waitFor(() => heard.length >= 3, { what: 'it to tell three times' });
  assert.equal(new Set(heard), new Set([POLLIN]));
  watch.set(POLLIN | POLLOUT);
  await waitFor(() => heard.includes(POLLIN | POLLOUT), { what: 'both' });
  watch.set(0);
  await turn();
  heard.length = 0;
  await turns();
  assert.equal(heard, []);
});

test('reads, writes and a hang-up are told as they come', async ({ near, far, watches }) => {
  const into = new Uint8Array(10);
  const heard: number[] = [];
  const watch = watchFd(near, (events) => {
    heard.push(events);
    if ((events & POLLRDHUP) !== 0) watch.end();
    else if ((events & POLLIN) !== 0) readFd(near, into);
  });
  watches.push(watch);
  watch.set(POLLIN | POLLRDHUP);
  assert.is(writeFd(far, ONE), 1);
  await waitFor(() => into[0] === ONE[0], { what: 'the byte' });
  assert.is(readFd(near, into), null);
  shutdownWrite(far);
  await waitFor(() => heard.some((events) => (events & POLLRDHUP) !== 0), {
    what: 'the end of the other side',
  });
});

test('one descriptor may be watched many times, and is not made non-blocking', async ({
  near,
  far,
  watches,
}) => {
  const [inner, outer] = [near, far];
  const heard = new Set<number>();
  for (let id = 0; id < 20; id++) {
    const watch = watchFd(inner, () => heard.add(id));
    watch.set(POLLIN);
    watches.push(watch);
  }
  sendMessage(outer, ONE, []);
  await waitFor(() => heard.size === 20, { what: 'all to tell' });
  const memory = createMemfd('m', 10);
  assert.is(nativeError(() => watchFd(memory, () => {})).code, 'EPERM');
  assert.is(isNonBlocking(memory), false);
  closeFd(memory);
});

test('an ended watch tells no more, refuses to be set, and may be ended again', async ({ near, far }) => {
  const before = openFds();
  let heard = 0;
  const watch = watchFd(near, () => {
    heard += 1;
    watch.end();
  });
  watch.set(POLLIN);
  sendMessage(far, ONE, []);
  await waitFor(() => heard > 0, { what: 'it to tell' });
  await turns();
  assert.is(heard, 1);
  watch.end();
  assert.is(nativeError(() => watch.set(POLLIN)).code, 'EBADF');
  assert.is(openFds(), before);
  assert.is(nativeError(() => watchFd(99_999, () => {})).code, 'EBADF');
  assert.throws(() => watchFd(near, 7 as unknown as () => void), /onReady to be a function/);
});

const MODULE = new URL('../../native/index.js', import.meta.url).href;
const OBSERVE = new URL('./observe.js', import.meta.url).href;

test('what the callback throws is the uncaught exception of its thread', ({ dir }) => {
  const script = `
    import { POLLOUT, watchFd } from '${MODULE}';
    import { socketPair } from '${OBSERVE}';
    const [near] = socketPair('${dir.path}/other');
    process.on('uncaughtException', (error) => { console.log(error.message); process.exit(3); });
    watchFd(near, () => { throw new Error('from the callback'); }).set(POLLOUT);`;
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  assert.equal([status, stdout.trim()], [3, 'from the callback']);
});

test('a worker with open watches ends at once, terminated or by itself', async ({ dir }) => {
  const script = fileURLToPath(new URL('./fixtures/watch-in-thread.js', import.meta.url));
  for (const how of ['terminate', 'exit'] as const) {
    const worker = new Worker(script, { workerData: { path: `${dir.path}/${how}`, how } });
    const exit = once(worker, 'exit');
    await within(once(worker, 'message'), 10_000, 'the watch to tell');
    if (how === 'terminate') await worker.terminate();
    await within(exit, 5000, 'the worker to end');
  }
});

test.run();
