/** Hand-overs that fail under a client that sends all the time. */
import { createServer } from 'node:net';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { StatusInfo } from '../../vmm/qmp/protocol.js';
import { begin, consoleSuite, startBusyEcho, WINDOW_BYTES, waitingTarget } from './console-stage.js';
import type { Relay } from './relay.js';
import { channelsTo } from './vmm-process.js';

const test = consoleSuite('console clients through hand-overs that fail');

test('whatever fails, at every stage, leaves the client connected and no byte lost', async (context) => {
  const { relay, client } = await startBusyEcho(context);
  for (const fail of [diesWaiting, isCancelled, breaksInTheStream, isNoProgram, isTakenBack, isGivenBack]) {
    await fail(relay);
    await client.echoes(2 * WINDOW_BYTES);
    assert.is((await relay.monitor.execute<StatusInfo>('query-status')).running, true, fail.name);
  }
  await relay.transfer();
  await client.echoes(2 * WINDOW_BYTES);
  await client.finish();
});

async function diesWaiting(relay: Relay): Promise<void> {
  const target = await waitingTarget(relay);
  await target.kill();
  await relay.monitor.event('MIGRATION', 'failed');
}

async function isCancelled(relay: Relay): Promise<void> {
  const target = await waitingTarget(relay);
  await relay.monitor.execute('migrate_cancel');
  await relay.monitor.event('MIGRATION', 'cancelled');
  await target.kill();
}

/** The guest was stopped and its state, with the output that waits, was sent. */
async function breaksInTheStream(relay: Relay): Promise<void> {
  const target = relay.target();
  await target.listening();
  const main = join(target.path('main'), '..', 'other');
  const server = createServer((socket) => socket.once('data', () => socket.destroy())).listen(main);
  await begin(relay, channelsTo(target, main));
  await relay.monitor.event('MIGRATION', 'failed');
  await relay.monitor.event('RESUME');
  server.close();
  await target.kill();
}

async function isNoProgram(relay: Relay): Promise<void> {
  relay.monitor.forgetEvents();
  const command = { mode: 'cpr-exec', 'cpr-exec-command': ['/nonexistent/vmm'] };
  await relay.monitor.execute('migrate-set-parameters', command);
  await relay.monitor.execute('migrate', { uri: `file:${relay.current.path('qmp')}.state` });
  await relay.monitor.event('MIGRATION', 'failed');
  await relay.monitor.event('RESUME');
}

/** The target has loaded everything and was not let run. */
async function isTakenBack(relay: Relay): Promise<void> {
  const target = relay.target(['-S']);
  const there = await relay.transferTo(target);
  await there.event('MIGRATION', 'completed');
  await there.close();
  await target.kill();
  await relay.monitor.execute('cont');
}

/** The same, by a target that ends as it should. */
async function isGivenBack(relay: Relay): Promise<void> {
  const target = relay.target(['-S']);
  const there = await relay.transferTo(target);
  await there.event('MIGRATION', 'completed');
  await there.execute('quit');
  await target.exitCode();
  await there.close();
  await relay.monitor.execute('cont');
}

test.run();
