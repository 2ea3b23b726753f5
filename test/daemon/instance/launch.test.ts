import { readlinkSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { within } from '../../../daemon/instance/deadline.js';
import { LinuxProcesses } from '../../../daemon/instance/host.js';
import { launch } from '../../../daemon/instance/launch.js';
import * as native from '../../../native/index.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';
import { openFds } from '../../native/observe.js';

const host = new LinuxProcesses();
const test = suite<{ dir: TempDir }>('launching a VMM');

test.before.each(async (context) => {
  context.dir = await tempDir();
});
test.after.each(({ dir }) => dir.remove());

const folders = ({ path }: TempDir) => ({ socketsDir: `${path}/s`, logsDir: `${path}/l` });

test('it inherits the descriptors of its command line by number and no others, and we have none left', async ({
  dir,
}) => {
  const before = openFds();
  const fds = ['one', 'two'].map((name) => native.createMemfd(name, 4096));
  const { process, end } = await launch(folders(dir), { file: 'sleep', args: ['60'], fds }, host);
  assert.is(openFds(), before);
  const links = [3, 4].map((fd) => readlinkSync(`/proc/${process.pid}/fd/${fd}`));
  assert.equal(links, ['/memfd:one (deleted)', '/memfd:two (deleted)']);
  assert.throws(() => readlinkSync(`/proc/${process.pid}/fd/5`), /ENOENT/);
  await host.kill(process, 10_000);
  /* Nothing else keeps the test's own process waiting: a child of ours does not. */
  await within(end, { deadlineMs: 10_000, what: 'the end of the child' });
});

test('descriptors of a program that cannot be run are closed too', async ({ dir }) => {
  const before = openFds();
  const fds = [native.createMemfd('one', 4096)];
  const launching = launch(folders(dir), { file: '/nowhere/vmm', args: [], fds }, host);
  assert.match(await launching.then(String, (error) => error.message), /ENOENT/);
  assert.is(openFds(), before);
});

test.run();
