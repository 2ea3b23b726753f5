/** A terminal goes from process to process with the guest, and every byte comes once. */
import * as assert from 'uvu/assert';
import { EchoClient, TerminalConnection } from './console-clients.js';
import { consoleSuite, startEcho } from './console-stage.js';
import type { Relay } from './relay.js';

const HAND_OVERS = 20;

const test = consoleSuite('terminals through hand-overs');

async function terminalOf(relay: Relay): Promise<string> {
  type Chardevs = { label: string; filename: string }[];
  const chardevs = await relay.monitor.execute<Chardevs>('query-chardev');
  return chardevs.find(({ label }) => label === 'serial0')?.filename.replace(/^pty:/, '') ?? '';
}

test('a terminal keeps its path and its bytes through 20 hand-overs by turns', async (context) => {
  const relay = await startEcho(context, ['-serial', 'pty']);
  const path = await terminalOf(relay);
  assert.match(path, /^\/dev\/pts\/\d+$/);
  assert.match(
    relay.current.stderr,
    new RegExp(`^char device redirected to ${path} \\(label serial0\\)$`, 'm'),
  );
  const connection = new TerminalConnection(path);
  context.clients.push(connection);
  const client = new EchoClient(connection, 1000);
  await relay.monitor.execute('cont');
  await client.echoes(1000);
  for (let count = 0; count < HAND_OVERS; count++) {
    if (count % 2 === 0) await relay.exec();
    else await relay.transfer();
    await client.echoes(2000);
    assert.is(await terminalOf(relay), path);
  }
  await client.finish();
});

test.run();
