import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { closeFd, createMemfd, mapShared } from '../../native/index.js';
import { type TempDir, tempDir } from '../helpers/temp-dir.js';
import { within } from '../helpers/wait.js';
import { openFds } from './observe.js';

const SCRIPT = new URL('./fixtures/work-in-thread.js', import.meta.url);
const PAGE_BYTES = 65536;

/** Runs one task of the fixture in a thread of its own; the thread stays until it is terminated. */
async function work(task: string, workerData: object): Promise<[Worker, unknown]> {
  const worker = new Worker(SCRIPT, { workerData: { task, ...workerData } });
  const failed = once(worker, 'error').then(([error]) => Promise.reject(error));
  const [answer] = await within(
    Promise.race([once(worker, 'message'), failed]),
    10_000,
    `the worker to ${task}`,
  );
  return [worker, answer];
}

const workers = suite<{ dir: TempDir }>('worker');

workers.before.each(async (context) => {
  context.dir = await tempDir();
});
workers.after.each((context) => context.dir.remove());

workers('every call works in a worker', async ({ dir }) => {
  const [worker, answer] = await work('callEverything', { path: `${dir.path}/socket` });
  assert.equal(answer, { mapped: 7, text: 'hello', passed: 4096, events: 1, locked: true, pid: process.pid });
  await worker.terminate();
});

workers('errors there are NativeErrors of that thread', async () => {
  const [worker, answer] = await work('fail', {});
  assert.equal(answer, { isNativeError: true, code: 'EBADF', name: 'NativeError' });
  await worker.terminate();
});

workers('a memory shared between threads: mapped by one, seen by the other, in both directions', async () => {
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 2, shared: true });
  const view = new Uint8Array(memory.buffer, PAGE_BYTES, PAGE_BYTES);
  const fd = createMemfd('ram', 2 * PAGE_BYTES);
  const [worker, answer] = await work('mapAndFill', { memory, fd, value: 11 });
  assert.is(answer, 'filled');
  assert.ok(view.every((byte) => byte === 11));
  mapShared(view, fd, PAGE_BYTES);
  assert.ok(view.every((byte) => byte === 0));
  mapShared(view, fd, 0);
  assert.ok(view.every((byte) => byte === 11));
  await worker.terminate();
  assert.ok(
    view.every((byte) => byte === 11),
    'the mapping outlives the thread that made it',
  );
  closeFd(fd);
});

workers('a worker with waits under way ends at once and leaves no descriptor of them', async ({ dir }) => {
  const before = openFds();
  const [worker] = await work('wait', { path: `${dir.path}/socket` });
  const startedAt = performance.now();
  await within(worker.terminate(), 5000, 'the worker to end');
  assert.ok(performance.now() - startedAt < 5000);
  assert.is(openFds(), before + 1, 'only the listening socket, which nobody closed');
});

workers('forty workers one after another, four at a time', async () => {
  for (let round = 0; round < 10; round += 1) {
    const started = await Promise.all(Array.from({ length: 4 }, () => work('fail', {})));
    await Promise.all(started.map(([worker]) => worker.terminate()));
  }
});

workers.run();
