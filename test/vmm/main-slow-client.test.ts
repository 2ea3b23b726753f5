/** Output that a client has not taken when its guest is handed over. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { ChatterLines } from '../daemon/chatter-lines.js';
import { chatter } from '../guests/chatter.js';
import { waitFor } from '../helpers/wait.js';
import { connect, consoleSuite, socketSerial } from './console-stage.js';
import { Relay } from './relay.js';

/** More than a unix socket holds, less than a VMM keeps. */
const PILE_BYTES = 400_000;

const test = consoleSuite('a slow console client through hand-overs');

/** The guest prints to a client that does not read until far more waits than the kernel holds; then it is stopped. */
async function pileUp({ monitor }: Relay, log: string): Promise<void> {
  const sizeBytes = statSync(log).size;
  await monitor.execute('cont');
  await waitFor(() => statSync(log).size > sizeBytes + PILE_BYTES, {
    what: 'output to pile up',
    deadlineMs: 60_000,
  });
  await monitor.execute('stop');
  const piledBytes = statSync(log).size - sizeBytes;
  assert.ok(piledBytes < 1024 * 1024, `${piledBytes} bytes: more than the VMM keeps`);
}

test('output that a slow client has not taken goes with the guest, each number once', async (context) => {
  const log = join(context.host.path, 'log');
  const relay = await Relay.start(context.host, chatter(), socketSerial(context, `,logfile=${log}`));
  context.relay = relay;
  const connection = await connect(context);
  const lines = new ChatterLines();
  connection.onData = (bytes) => lines.feed(bytes.toString('latin1'));
  for (let count = 0; count < 6; count++) {
    connection.setReading(false);
    await pileUp(relay, log);
    // The client may take it while the hand-over is under way, too.
    relay.onMigrate = () => connection.setReading(count >= 2);
    if (count % 2 === 0) await relay.transfer();
    else await relay.exec();
    const heard = lines.last;
    connection.setReading(true);
    await relay.monitor.execute('cont');
    const printed = await printedBy(log);
    assert.ok(printed > heard, `${heard} of ${printed}`);
    await waitFor(() => lines.last > printed + 1000, { what: 'the guest to count on', deadlineMs: 60_000 });
    await relay.monitor.execute('stop');
    assert.is(lines.broken, null);
  }
  const logged = new ChatterLines();
  logged.feed(readFileSync(log, 'latin1'));
  assert.is(logged.broken, null, 'the log that all processes share');
});

/** The newest number in the log. */
async function printedBy(log: string): Promise<number> {
  const lines = new ChatterLines();
  lines.feed(readFileSync(log, 'latin1').slice(-1000).replace(/^.*\n/, ''));
  return lines.last;
}

test.run();
