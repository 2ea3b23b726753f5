/** What VMMs run as. Only root can start another user's processes. */
import { mkdirSync, statSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runBounded } from '../../../daemon/instance/bounded-run.js';
import { asVmmUser, makeVmmFolder, runsVmmsAsRoot, runVmmsAs } from '../../../daemon/instance/vmm-user.js';
import { userNamed } from '../../../daemon/service/accounts.js';
import { skipSuite } from '../../helpers/skip.js';
import { tempDir } from '../../helpers/temp-dir.js';

const SUITE = "the VMMs' user";
const LIMITS = { input: '', deadlineMs: 10_000, maxOutputBytes: 1_000 };
const test = suite(SUITE);

test.after.each(() => runVmmsAs(null));

test('without one a command line is as it was', () => {
  assert.equal(asVmmUser('vmm', ['-x']), { file: 'vmm', args: ['-x'] });
});

test('without one VMMs of root are root', () => {
  assert.ok(runsVmmsAsRoot());
  runVmmsAs(userNamed('nobody'));
  assert.not.ok(runsVmmsAsRoot());
});

test('what is asked what it can do is asked as that user, with a home of its own', async () => {
  const nobody = userNamed('nobody');
  runVmmsAs(nobody);
  const { stdout, failure } = await runBounded({ file: 'sh', args: ['-c', 'id -u; echo $HOME'] }, LIMITS);
  assert.is(failure, null);
  assert.is(stdout, `${nobody.uid}\n${nobody.home}\n`);
});

test('its folders are its own, and the way to them shows nothing', async () => {
  const { path, remove } = await tempDir();
  try {
    const nobody = userNamed('nobody');
    runVmmsAs(nobody);
    mkdirSync(`${path}/run`);
    makeVmmFolder(`${path}/run/12345678/1`);
    const [folder, passage] = [statSync(`${path}/run/12345678/1`), statSync(`${path}/run/12345678`)];
    assert.equal([folder.uid, folder.mode & 0o777], [nobody.uid, 0o700]);
    assert.equal([passage.uid, passage.mode & 0o777], [0, 0o711]);
  } finally {
    await remove();
  }
});

test('what it finds in its folders was put there before they were its own', async () => {
  const { path, remove } = await tempDir();
  try {
    runVmmsAs(userNamed('nobody'));
    const owners: number[] = [];
    makeVmmFolder(`${path}/m/1`, () => owners.push(statSync(`${path}/m/1`).uid));
    assert.equal(owners, [0]);
  } finally {
    await remove();
  }
});

test('a user that is none is refused with what would help', () => {
  assert.throws(() => userNamed('no-such-user'), /expected a user named no-such-user .*batond-setup install/);
});

if (process.getuid?.() === 0) test.run();
else skipSuite(SUITE, "only root can start another user's processes");
