/**
 * A disk that qemu-storage-daemon serves in the modes in which no connection goes along: the daemon serves one VMM at a
 * time, so the next one has the disk when the last one is gone, and is refused before.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { skipSuite } from '../../helpers/skip.js';
import { waitFor } from '../../helpers/wait.js';
import { ticksOn, VmmHost, type VmmProcess } from '../vmm-process.js';
import { qemuImg, StorageDaemon, toolsMissing } from './storage-daemon.js';

const SUITE = 'vhost-user-blk in modes without descriptors';
const MIGRATION_DEADLINE_MS = 30_000;

let host: VmmHost;
let daemon: StorageDaemon;
let socket: string;

const test = suite(SUITE);

test.before.each(async () => {
  host = await VmmHost.create();
  socket = `${host.path}/disk.sock`;
  await qemuImg('create', '-f', 'qcow2', `${host.path}/disk.qcow2`, '16M');
  daemon = await StorageDaemon.serve(`${host.path}/disk.qcow2`, socket);
});

test.after.each(async () => {
  await host.remove();
  await daemon.kill();
});

function launch(...more: string[]): Promise<VmmProcess> {
  const disk = ['-chardev', `socket,id=disk,path=${socket}`, '-device', 'vhost-user-blk,chardev=disk,id=d0'];
  return host.launch({ extra: [...disk, ...more] });
}

test('cpr-reboot: the next VMM has guest and disk when the last one has ended', async () => {
  const source = await launch();
  const { ticks } = await ticksOn(source);
  const monitor = await source.monitor();
  const uri = `file:${host.path}/state`;
  await monitor.execute('migrate-set-parameters', { mode: 'cpr-reboot' });
  await monitor.execute('migrate', { uri });
  await monitor.event('MIGRATION', 'completed', MIGRATION_DEADLINE_MS);
  await monitor.execute('quit');
  await source.exitCode();
  const target = await launch('-incoming', 'defer');
  const there = await target.monitor();
  await there.execute('migrate-incoming', { uri });
  await there.event('MIGRATION', 'completed', MIGRATION_DEADLINE_MS);
  assert.ok((await ticksOn(target)).ticks > ticks);
  assert.is(target.stderr, '');
  assert.is(daemon.ended, null);
  await there.close();
});

test('normal: a target beside its source is refused at its start, with the reason; the guest goes on', async () => {
  const source = await launch();
  await ticksOn(source);
  const target = await launch('-incoming', 'defer');
  await waitFor(() => target.ended !== null, { what: 'the end of the target', deadlineMs: 30_000 });
  assert.is(target.ended, 1);
  assert.match(
    target.stderr,
    /device vhost-user-blk 'd0': .*disk\.sock does not answer: does it serve another VMM\?/,
  );
  await ticksOn(source);
  assert.is(source.stderr, '');
});

const missing = toolsMissing();
if (missing === null) test.run();
else skipSuite(SUITE, missing);
