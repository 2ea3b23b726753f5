import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WorkerMachine } from '../../../vmm/machine/worker-machine.js';
import { waitFor, within } from '../../helpers/wait.js';

const test = suite('the main end of a machine worker');

const MEMORY = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });

/** A worker whose thread does what `source` says; `port` is its port. */
function start(source: string) {
  const events: string[] = [];
  const script = `const { parentPort: port } = require('node:worker_threads');\n${source}`;
  const worker = new Worker(script, { eval: true });
  const machine = new WorkerMachine(worker, MEMORY, {
    shutdown: (cause, code) => events.push(`shutdown ${cause} ${code}`),
    reset: (cause) => events.push(`reset ${cause}`),
    blockIoError: (report) => events.push(`blockIoError ${report.error}`),
    network: () => undefined,
    failed: (error) => events.push(`failed ${error.message}`),
    deviceEvent: ({ name }) => events.push(name),
  });
  return { machine, events };
}

async function rejection(promise: Promise<unknown>): Promise<Error> {
  try {
    await within(promise, 5000, 'an answer');
  } catch (error) {
    return error as Error;
  }
  throw new Error('expected a rejection');
}

const READY = `port.postMessage({ kind: 'ready' });`;
const ANSWER = `port.on('message', ({ id, request }) => {
  if (request.command === 'close') { port.close(); return; }
  port.postMessage({ kind: 'reply', id, result: null });
});`;

test('a worker that dies rejects what is asked and reports it once', async () => {
  const { machine, events } = start(`${READY} port.on('message', () => { throw new Error('bomb'); });`);
  await machine.ready;
  const errors = await Promise.all([rejection(machine.start()), rejection(machine.stop())]);
  assert.equal(
    errors.map(({ message }) => message),
    ['bomb', 'bomb'],
  );
  assert.match((await rejection(machine.reset())).message, /bomb/);
  await machine.close();
  assert.equal(events, ['failed bomb']);
});

test('a worker that ends without a word is a failure', async () => {
  const { machine, events } = start(`${READY} port.on('message', () => process.exit(7));`);
  await machine.ready;
  assert.match((await rejection(machine.start())).message, /ended unexpectedly \(exit code 7\)/);
  await waitFor(() => events.length === 1, { what: 'the report' });
});

test('a worker that dies before it is ready rejects ready and reports nothing', async () => {
  const { machine, events } = start(`throw new Error('early');`);
  assert.match((await rejection(machine.ready)).message, /early/);
  assert.equal(events, []);
});

test('a machine that cannot be built rejects ready with the reason and its name', async () => {
  const { machine, events } = start(
    `port.postMessage({ kind: 'not-ready', error: { name: 'OptionError', message: 'no kernel' } }); port.close();`,
  );
  const error = await rejection(machine.ready);
  assert.is(error.name, 'OptionError');
  assert.is(error.message, 'no kernel');
  assert.equal(events, []);
});

test('a failure of the machine is reported, and closing still ends the worker', async () => {
  const { machine, events } = start(
    `${READY} ${ANSWER} port.postMessage({ kind: 'failed', error: { name: 'Error', message: 'slice' } });`,
  );
  await machine.ready;
  await waitFor(() => events.length > 0, { what: 'the report' });
  assert.equal(events, ['failed slice']);
  assert.match((await rejection(machine.start())).message, /slice/);
  await within(machine.close(), 3000, 'the worker to end');
});

test('reports of the guest reach the events', async () => {
  const { machine, events } = start(
    `${READY} ${ANSWER}
     port.postMessage({ kind: 'shutdown', cause: 'guest-shutdown', exitCode: 3 });
     port.postMessage({ kind: 'reset', cause: 'guest-reset' });`,
  );
  await machine.ready;
  await machine.start();
  assert.equal(events, ['shutdown guest-shutdown 3', 'reset guest-reset']);
  await machine.close();
});

test('a worker that does not close is ended by force', async () => {
  const { machine, events } = start(`${READY} port.on('message', () => { for (;;); });`);
  await machine.ready;
  await within(machine.close(), 8000, 'the worker to be ended');
  assert.equal(events, []);
});

test.run();
