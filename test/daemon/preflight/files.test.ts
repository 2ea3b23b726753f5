import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { MachineSpec } from '../../../daemon/machine.js';
import { machineFileFindings } from '../../../daemon/preflight/files.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';
import { waitFor } from '../../helpers/wait.js';

const test = suite<{ dir: TempDir }>('files of a machine');

test.before.each(async (context) => {
  context.dir = await tempDir();
});

test.after.each(({ dir }) => dir.remove());

function withDisk(path: string): MachineSpec {
  const disks = [{ path, format: 'raw', bus: 'virtio', readOnly: false }];
  return { kernel: null, initrd: null, firmware: null, disks } as unknown as MachineSpec;
}

test('a disk that the source does not have open blocks', async ({ dir }) => {
  const disk = join(dir.path, 'disk.raw');
  await writeFile(disk, '');
  const [finding] = await machineFileFindings(withDisk(disk), process.pid);
  assert.is(finding?.code, 'disk_replaced');
});

test('a source that has just died does not make its disks look replaced', async ({ dir }) => {
  const disk = join(dir.path, 'disk.raw');
  await writeFile(disk, '');
  /* A parent that never waits for its child keeps it a zombie. */
  const parent = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const pid = Number(String((await once(parent.stdout, 'data'))[0]));
    await waitFor(async () => (await readFile(`/proc/${parent.pid}/comm`, 'utf8')) === 'sleep\n', {
      what: 'the parent to wait for nobody',
    });
    process.kill(pid, 'SIGKILL');
    await waitFor(async () => / Z /.test(await readFile(`/proc/${pid}/stat`, 'utf8')), {
      what: 'the child to be a zombie',
    });
    assert.equal(await machineFileFindings(withDisk(disk), pid), []);
  } finally {
    parent.kill('SIGKILL');
  }
});

test.run();
