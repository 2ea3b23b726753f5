/** --timeout: whatever a command does, it ends in time, with what it knows. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { baton, openStage, type Stage } from './cli-under-test.js';

interface Context {
  stage: Stage;
  /** Takes requests, and answers none. */
  silent: Server;
  path: string;
}

const test = suite<Context>('baton --timeout');
const OVER = 'baton: the time given by --timeout is over; what was asked for may go on\n';

test.before(async (context) => {
  context.stage = await openStage();
  context.path = `${context.stage.folders.path}/silent.sock`;
  context.silent = createServer().listen(context.path);
  await once(context.silent, 'listening');
});

test.after(async ({ stage, silent }) => {
  silent.close();
  await stage.close();
});

for (const line of [
  'machine list',
  'machine start m1 m2',
  'machine delete m',
  'query /v1/builds',
  'host suspend',
  'event watch --machine m',
]) {
  test(`ends baton ${line} with 7 when the daemon does not answer`, async ({ path }) => {
    const { exitCode, stderr } = await baton(path, [...line.split(' '), '--timeout', '300ms']);
    assert.equal([exitCode, stderr], [7, OVER]);
  });
}

test('ends event watch in order; with 7 if it was to see a number', async ({ stage: { run } }) => {
  const watched = await run('event', 'watch', '--after', '0', '--timeout', '2s');
  assert.is(watched.exitCode, 0, watched.stderr);
  const counted = await run('event', 'watch', '--count', '5', '--timeout', '300ms');
  assert.equal([counted.exitCode, /only 0 of 5 events came in time/.test(counted.stderr)], [7, true]);
});

test.run();
