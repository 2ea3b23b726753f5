/** An open client of the serial console stays connected through every hand-over, and every byte comes once. */
import * as assert from 'uvu/assert';
import { consoleSuite, startBusyEcho, WINDOW_BYTES } from './console-stage.js';

const HAND_OVERS = 20;

const test = consoleSuite('a console client through hand-overs');

test('a socket client that sends without pause: 20 hand-overs by turns, same connection, every byte once', async (context) => {
  const { relay, client } = await startBusyEcho(context);
  const files: number[] = [];
  for (let count = 0; count < HAND_OVERS; count++) {
    if (count % 2 === 0) await relay.transfer();
    else await relay.exec();
    await client.echoes(2 * WINDOW_BYTES);
    assert.is(relay.current.stderr, '');
    if (count % 2 === 0) files.push(relay.current.openFiles());
  }
  await client.finish();
  assert.is(new Set(files).size, 1, `open files: ${files.join(' ')}`);
});

test.run();
