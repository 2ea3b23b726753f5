/** How a QEMU is asked for its vmstate, with stand-ins: what real ones answer is in preflight/vmstate-compare. */
import { chmodSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { dumpVmState } from '../../../daemon/instance/qemu-vmstate.js';
import { runVmmsAs } from '../../../daemon/instance/vmm-user.js';
import { userNamed } from '../../../daemon/service/accounts.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';

const WRITES = `for last; do :; done
printf '{ "vmschkmachine": { "Name": "%s" } }' "$3" >"$last"`;
const test = suite<{ dir: TempDir; qemu: string }>('vmstate of a QEMU');

test.before.each(async (context) => {
  context.dir = await tempDir();
  chmodSync(context.dir.path, 0o755);
  context.qemu = `${context.dir.path}/qemu`;
});
test.after.each(async ({ dir }) => {
  runVmmsAs(null);
  await dir.remove();
});

function program(path: string, script: string): void {
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

for (const user of process.getuid?.() === 0 ? [null, 'nobody'] : [null]) {
  test(`it is written by ${user ?? 'the user of the daemon'}`, async ({ qemu }) => {
    program(qemu, WRITES);
    runVmmsAs(user === null ? null : userNamed(user));
    assert.ok(await dumpVmState(qemu, 'pc'));
  });
}

test('one that writes nothing, or fails, is told so', async ({ qemu }) => {
  program(qemu, 'exit 0');
  const asked = () => dumpVmState(qemu, 'pc').then(String, (error: Error) => error.message);
  assert.match(await asked(), /to write its vmstate for pc, but it wrote nothing/);
  program(qemu, 'echo no such machine >&2; exit 1');
  assert.match(await asked(), /but it ended with exit code 1: .*no such machine/);
});

test.run();
