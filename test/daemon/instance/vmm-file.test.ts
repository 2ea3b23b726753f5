/** What a VMM that was broken out into may put in place of its files: the daemon, which may be root, does not fall for it. */
import {
  closeSync,
  linkSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { writeFifo } from '../../../daemon/console/fifo.js';
import { GenerationLog } from '../../../daemon/console/generation-log.js';
import { outputTail } from '../../../daemon/instance/output-tail.js';
import { ForkStarter, openOutput } from '../../../daemon/instance/program-starter.js';
import { openVmmFile, openVmmFileSync } from '../../../daemon/instance/vmm-file.js';
import { giveToVmm, runVmmsAs } from '../../../daemon/instance/vmm-user.js';
import { userNamed } from '../../../daemon/service/accounts.js';
import { makeFifo } from '../../../native/index.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';
import { within } from '../../helpers/wait.js';

interface Context {
  dir: TempDir;
  /** Of the host. */
  secret: string;
  link: string;
}

const test = suite<Context>('files of a VMM');

test.before.each(async (context) => {
  context.dir = await tempDir();
  context.secret = `${context.dir.path}/secret`;
  context.link = `${context.dir.path}/vmm.log`;
  writeFileSync(context.secret, 'of the host');
  symlinkSync(context.secret, context.link);
});
test.after.each(async ({ dir }) => {
  runVmmsAs(null);
  await dir.remove();
});

test('a link in place of a log shows nothing of what it leads to', async ({ link }) => {
  assert.equal(outputTail(link), []);
  const opened = await GenerationLog.open(link).catch((error: { code: string }) => error.code);
  assert.is(opened, 'ELOOP');
});

test('a pipe in place of a log is not waited on', async ({ dir }) => {
  const path = `${dir.path}/pipe`;
  makeFifo(path);
  assert.throws(() => openVmmFileSync(path), /expected .*pipe to be a file/);
  const opened = openVmmFile(path).catch((error: Error) => error.message);
  assert.match(String(await within(opened, 5_000, 'an answer')), /to be a file/);
});

test('a link in place of a log, or of the console, has nothing written through it', async ({
  dir,
  link,
  secret,
}) => {
  const folders = { folder: '/', sees: [dir.path] };
  const program = { name: 'x', file: '/bin/true', args: [], fds: [], log: link, ...folders };
  const started = new ForkStarter().start(program, () => null);
  assert.is(await started.catch((error: { code: string }) => error.code), 'ELOOP');
  assert.throws(() => writeFifo(link, Buffer.from('typed')), /ELOOP/);
  assert.is(readFileSync(secret, 'utf8'), 'of the host');
});

test('a file of the host by a second name in place of a log is not taken for it', ({ dir, secret }) => {
  const log = `${dir.path}/log`;
  linkSync(secret, log);
  assert.throws(() => openOutput(log), /to be a file with no other name/);
});

test('a link in place of what is given to the VMM gives nothing else away', ({ link, secret }) => {
  if (process.getuid?.() !== 0) return;
  runVmmsAs(userNamed('nobody'));
  giveToVmm(link);
  assert.is(statSync(secret).uid, 0);
  assert.is(readlinkSync(link), secret);
});

test('a file is opened as it is', async ({ secret }) => {
  truncateSync(secret, 3);
  closeSync(openVmmFileSync(secret));
  const file = await openVmmFile(secret);
  assert.is((await file.stat()).size, 3);
  await file.close();
});

test.run();
