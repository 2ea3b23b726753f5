/**
 * The daemon is killed while a guest prints without end: a session that comes back with its position misses nothing
 * and sees nothing twice, and what the VMM has not read of what was typed is still there for it.
 */
import { writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { chatter } from '../../guests/chatter.js';
import { waitFor } from '../../helpers/wait.js';
import { ChatterLines } from '../chatter-lines.js';
import { ConsoleClient } from '../console-client.js';
import { type Folders, makeFolders, tearDown } from '../fixture.js';
import { MortalDaemon } from '../mortal-daemon.js';

interface Context {
  folders: Folders;
  daemon: MortalDaemon;
}

const PASTE = Array.from({ length: 600 }, (_, n) => String.fromCharCode(97 + (n % 26))).join('');

const test = suite<Context>('console through a restart of the daemon');

test.before.each(async (context) => {
  context.folders = await makeFolders();
  writeFileSync(context.folders.kernel, chatter().bytes);
  context.daemon = new MortalDaemon(context.folders);
  await context.daemon.start();
});

test.after.each(async ({ folders, daemon }) => {
  await daemon.kill();
  await tearDown(folders, null);
});

function attach({ folders }: Context, query: string): Promise<ConsoleClient> {
  return ConsoleClient.connect(`${folders.runtimeDir}/batond.sock`, 'm', query);
}

/** Reads until the guest is `count` numbers further and has said all of `echoes`. */
async function follow(
  client: ConsoleClient,
  lines: ChatterLines,
  count: number,
  echoes: string,
): Promise<void> {
  const from = lines.last;
  const isThere = () => {
    lines.feed(client.take());
    return lines.last > from + count && lines.echoes.length >= echoes.length;
  };
  await waitFor(isThere, { deadlineMs: 30_000, what: `the guest to print and echo ${echoes.length} bytes` });
  assert.is(lines.broken, null);
  assert.is(lines.echoes, echoes);
}

for (const moment of ['', 'begun:hand-over', 'committed']) {
  const when = moment === '' ? 'while nothing is under way' : `at ${moment} of an upgrade`;
  test(`killed ${when}: all output once, and what was typed`, async (context) => {
    const { daemon, folders } = context;
    const document = { name: 'm', memoryMiB: 32, kernel: folders.kernel };
    await daemon.client.post('/v1/machines', document);
    await daemon.client.perform('/v1/machines/m/start');
    const lines = new ChatterLines();
    const first = await attach(context, '?tail=100000000');
    await waitFor(() => first.text.includes('1\n2\n3\n'), { what: 'the guest to print' });
    const text = first.take();
    lines.feed(text.slice(text.indexOf('1\n2\n3\n')));
    first.type('x');
    await follow(first, lines, 1_000, 'x');

    if (moment === '') {
      await daemon.client.perform('/v1/machines/m/pause');
      first.type(PASTE);
      await first.heard();
      await daemon.kill();
    } else {
      daemon.dieAt(moment);
      await daemon.client.post('/v1/machines/m/upgrade', {});
      await daemon.died();
    }
    await first.closed;
    lines.feed(first.take());
    await daemon.start();
    if (moment === '') await daemon.client.perform('/v1/machines/m/resume');
    const second = await attach(context, `?after=${first.position}`);
    await follow(second, lines, 5_000, moment === '' ? `x${PASTE}` : 'x');
    second.close();
  });
}

test.run();
