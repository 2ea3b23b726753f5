/** A guest that prints without end costs neither the disk nor the daemon's memory, whoever reads, and says what is gone. */
import { statSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { WebSocket } from 'ws';
import type { App } from '../../../daemon/app.js';
import { ConsoleStream } from '../../../daemon/http/console-stream.js';
import { findInCache } from '../../fetch/cache.js';
import { chatter } from '../../guests/chatter.js';
import { skipSuite } from '../../helpers/skip.js';
import { waitFor } from '../../helpers/wait.js';
import { ConsoleClient } from '../console-client.js';
import { call, type Folders, startApp, tearDown } from '../fixture.js';
import { makeQemuFolders, registerQemu, runOnQemu } from '../qemu-fixture.js';

interface Context {
  folders: Folders;
  app: App;
  id: string;
}

const SUITE = 'bounds of a console';
const MIB = 1024 * 1024;
const BLOCK_BYTES = 512;
const cache = findInCache();
const qemu = cache.qemu('11.1', 'riscv64');

const test = suite<Context>(SUITE);

test.before.each(async (context) => {
  context.folders = await makeQemuFolders('riscv64');
  writeFileSync(context.folders.kernel, chatter().bytes);
  context.app = await startApp(context.folders, { ownBuild: null, consoleLogBytes: MIB });
  await context.app.server.listen({ path: `${context.folders.path}/api.sock` });
  const binary = 'missing' in qemu ? '' : (qemu.argvPrefix[0] ?? '');
  const build = await registerQemu(context.app, context.folders, 'qemu', binary);
  context.id = await runOnQemu(context.app, context.folders, build);
});

test.after.each(({ folders, app }) => tearDown(folders, app));

const logOf = ({ folders, id }: Context) => statSync(`${folders.stateDir}/machines/${id}/1/console.log`);

test('a real QEMU may print for ever: the log is bounded, and what is gone is told', async (context) => {
  const { app, folders, id } = context;
  const idle = await ConsoleClient.connect(`${folders.path}/api.sock`, id, '?tail=0&readonly');
  const before = process.memoryUsage.rss();
  const isBounded = () => {
    const { size, blocks } = logOf(context);
    idle.take();
    return size > 3 * MIB && blocks * BLOCK_BYTES < 2.5 * MIB;
  };
  await waitFor(isBounded, {
    deadlineMs: 120_000,
    what: 'the guest to print 3 MiB and the disk to hold less',
  });
  assert.ok(process.memoryUsage.rss() - before < 64 * MIB, 'the memory of the daemon (and of this test)');

  const past = await ConsoleClient.connect(`${folders.path}/api.sock`, id, '?after=1:100');
  const { code, error } = await past.refusal();
  assert.equal([code, error.code], [4410, 'console_gone']);
  const [, first] = String(error.first).split(':').map(Number);
  assert.ok(Number(first) >= MIB && Number(first) % MIB === 0, String(error.first));
  const { status, body } = await call(app, 'GET', `/v1/machines/${id}/instances/1/console`);
  assert.is(status, 200);
  assert.ok(body.length <= MIB && !body.includes('\0'), `${body.length} bytes of text`);
  idle.close();
});

test('a session that does not read is told and cut, and costs no queue', async (context) => {
  const { consoles } = context.app.services;
  const sent: (string | Uint8Array)[] = [];
  let buffered = 0;
  const closes: number[] = [];
  const handlers = new Map<string, () => void>();
  const socket = {
    get bufferedAmount() {
      return buffered;
    },
    send(data: string | Uint8Array) {
      sent.push(data);
      buffered += data.length;
    },
    close: (code: number) => closes.push(code),
    terminate: () => handlers.get('close')?.(),
    resume: () => undefined,
    on: (name: string, handler: () => void) => handlers.set(name, handler),
  };
  const request = { machineId: context.id, start: { tailBytes: 0 }, readOnly: true };
  new ConsoleStream(socket as unknown as WebSocket, consoles, request, {
    maxUnreadBytes: 100_000,
    slowReaderDeadlineMs: 200,
  });
  await waitFor(() => closes.length > 0, { deadlineMs: 30_000, what: 'the slow reader to be cut' });
  assert.equal(closes, [4429]);
  assert.match(String(sent.at(-1)), /slow_reader/);
  assert.ok(buffered < 200_000, `${buffered} bytes were queued`);
});

if ('missing' in qemu) skipSuite(SUITE, qemu.missing);
else test.run();
