/** On real QEMU 11.1: the new program of a cpr-exec dies, and the guest goes on in the old one. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_HARDWARE } from '../../../daemon/hardware.js';
import type { Incoming } from '../../../daemon/instance/driver.js';
import { LinuxProcesses } from '../../../daemon/instance/host.js';
import { launch } from '../../../daemon/instance/launch.js';
import { listeningAt } from '../../../daemon/instance/listening.js';
import { QemuDriver } from '../../../daemon/instance/qemu-driver.js';
import { RunningInstance } from '../../../daemon/instance/running-instance.js';
import { instancePaths } from '../../../daemon/instance.js';
import { DEFAULT_HOST_POLICY, type MachineSpec } from '../../../daemon/machine.js';
import {
  holdMemory,
  releaseMemory,
  restoreCpr,
  restoreDevices,
} from '../../../daemon/upgrade/memory-keeper.js';
import { queryMigrate, unixChannel } from '../../../daemon/upgrade/migration.js';
import { findInCache, type QemuTarget } from '../../fetch/cache.js';
import { skipSuite } from '../../helpers/skip.js';
import { waitFor } from '../../helpers/wait.js';
import { type Folders, keeperPids, tickerLines, ticksOf } from '../fixture.js';
import { makeQemuFolders } from '../qemu-fixture.js';

const ID = '11111111-2222-3333-4444-555555555555';
const KILL_DEADLINE_MS = 10_000;
const NOBODY = {
  instanceChanged: () => undefined,
  instanceEnded: () => undefined,
  guestTold: () => undefined,
};
const host = new LinuxProcesses();
const cache = findInCache();
const found = { riscv64: cache.qemu('11.1', 'riscv64'), x86_64: cache.qemu('11.1', 'x86_64') };
const missing = Object.values(found).find((qemu) => 'missing' in qemu);

const test = suite<{ folders: Folders; instances: RunningInstance[] }>('memory keeper');

test.before.each((context) => {
  context.instances = [];
});

test.after.each(async ({ folders, instances }) => {
  for (const { process } of instances) await host.kill(process, KILL_DEADLINE_MS);
  await releaseMemory(keeperFolder(folders), host);
  await folders.remove();
});

interface Start {
  readonly folders: Folders;
  readonly instances: RunningInstance[];
  readonly target: QemuTarget;
  readonly incoming?: Incoming | null;
  readonly change?: (args: readonly string[]) => readonly string[];
}

async function start({ folders, instances, target, incoming = null, change = (args) => args }: Start) {
  const driver = new QemuDriver();
  const qemu = found[target];
  const path = 'missing' in qemu ? '' : (qemu.argvPrefix[0] ?? '');
  const generation = instances.length + 1;
  const socketsDir = `${folders.runtimeDir}/${ID.slice(0, 8)}/${generation}`;
  const folder = { socketsDir, logsDir: `${folders.stateDir}/machines/${ID}/${generation}` };
  const paths = instancePaths(folder);
  const spec: MachineSpec = {
    ...DEFAULT_HARDWARE,
    ...DEFAULT_HOST_POLICY,
    ...{ memoryMiB: 64, vcpus: 1, kernel: folders.kernel, initrd: null, commandLine: null, firmware: null },
    ...{ build: null, accelerator: 'tcg' },
  };
  const { abilities } = await driver.probe(path);
  const machine = { id: ID, name: 'guest', spec };
  const { file, args } = driver.commandLine({ machine, build: { path, abilities }, paths, incoming });
  const { process, end } = await launch(folder, { file, args: change(args) }, host);
  const instance = new RunningInstance({ generation, paths, process, end, host, owner: NOBODY });
  instances.push(instance);
  if (!incoming) await instance.connect({ deadlineMs: 10_000 });
  return instance;
}

const keeperFolder = ({ runtimeDir }: Folders) => `${runtimeDir}/${ID.slice(0, 8)}/u2`;
const openFds = () => readdirSync('/proc/self/fd').length;

if (missing !== undefined && 'missing' in missing) {
  skipSuite('memory keeper', missing.missing);
} else {
  for (const target of ['riscv64', 'x86_64'] as const) {
    test(`${target}: a new program that dies after exec loses nothing`, async (context) => {
      const { instances } = context;
      const folders = await makeQemuFolders(target);
      context.folders = folders;
      const source = await start({ folders, instances, target });
      await source.qmp.execute('cont');
      await ticksOf(folders, ID, 1, 100);
      const fdsBefore = openFds();
      const folder = keeperFolder(folders);

      await holdMemory(source, folder, host);

      assert.is(keeperPids(folders).length, 1);
      assert.is((await source.queryStatus()).status, 'running');
      const before = await ticksOf(folders, ID, 1, 200);

      const stateFile = `${folder}/state`;
      const command = ['/bin/sh', '-c', 'exit 7'];
      await source.qmp.execute('migrate-set-parameters', { mode: 'cpr-exec', 'cpr-exec-command': command });
      await source.qmp.execute('migrate', { uri: `file:${stateFile}` }).catch(() => undefined);
      await waitFor(() => source.hasEnded, { what: 'the new program to end' });
      assert.equal(await source.ended, { exitCode: 7, exitSignal: null });

      const rescue = await start({ folders, instances, target, incoming: 'cpr' });
      await waitFor(listeningAt(rescue.paths.cpr), { what: 'the CPR channel' });
      await restoreCpr(folder, rescue.paths.cpr);
      await rescue.connect({ deadlineMs: 10_000 });
      const main = rescue.paths.main;
      await rescue.qmp.execute('migrate-incoming', { uri: `unix:${main}`, 'exit-on-error': false });
      await restoreDevices(main, stateFile);
      await waitFor(async () => (await queryMigrate(rescue)).status === 'completed', {
        what: 'the state to load',
      });
      await releaseMemory(folder, host);
      await releaseMemory(folder, host);
      assert.equal(keeperPids(folders), []);
      assert.not(existsSync(folder));
      await rescue.qmp.execute('cont');

      const after = await ticksOf(folders, ID, 2, before);
      assert.ok(after > before);
      assert.ok(tickerLines(folders, ID, 2).every(({ isIntact }) => isIntact));
      assert.ok(openFds() <= fdsBefore + 2, 'descriptors are left');
    });
  }

  test('after its memory was held, a guest can still be handed over', async (context) => {
    const { instances } = context;
    const folders = await makeQemuFolders('riscv64');
    context.folders = folders;
    const source = await start({ folders, instances, target: 'riscv64' });
    await holdMemory(source, keeperFolder(folders), host);
    await releaseMemory(keeperFolder(folders), host);

    const target = await start({ folders, instances, target: 'riscv64', incoming: 'cpr' });
    await waitFor(listeningAt(target.paths.cpr), { what: 'the CPR channel' });
    await source.qmp.execute('migrate-set-parameters', { mode: 'cpr-transfer' });
    const channels = [unixChannel('main', target.paths.main), unixChannel('cpr', target.paths.cpr)];
    await source.qmp.execute('migrate', { channels });
    await target.connect({ deadlineMs: 10_000 });
    const uri = `unix:${target.paths.main}`;
    await target.qmp.execute('migrate-incoming', { uri, 'exit-on-error': false });
    await waitFor(async () => (await queryMigrate(source)).status === 'completed', { what: 'the hand-over' });
  });

  test('memory that is not shared cannot be held, and the guest is as before', async (context) => {
    const { instances } = context;
    const folders = await makeQemuFolders('riscv64');
    context.folders = folders;
    const change = (args: readonly string[]) => args.map((arg) => arg.replace('share=on', 'share=off'));
    const source = await start({ folders, instances, target: 'riscv64', change });
    const words = await holdMemory(source, keeperFolder(folders), host).then(
      () => 'it was held',
      (error) => error.message,
    );
    assert.match(words, /the guest's memory cannot be held: .*share=on is required/);
    const { mode } = await source.qmp.execute<{ mode: string }>('query-migrate-parameters');
    assert.is(mode, 'normal');
  });

  test('a file that is no state is refused by the VMM, which says so', async (context) => {
    const { instances } = context;
    const folders = await makeQemuFolders('riscv64');
    context.folders = folders;
    const source = await start({ folders, instances, target: 'riscv64' });
    const folder = keeperFolder(folders);
    await holdMemory(source, folder, host);
    const rescue = await start({ folders, instances, target: 'riscv64', incoming: 'cpr' });
    await waitFor(listeningAt(rescue.paths.cpr), { what: 'the CPR channel' });
    await restoreCpr(folder, rescue.paths.cpr);
    await releaseMemory(folder, host);
    await rescue.connect({ deadlineMs: 10_000 });
    const uri = `unix:${rescue.paths.main}`;
    await rescue.qmp.execute('migrate-incoming', { uri, 'exit-on-error': false });
    writeFileSync(`${folders.path}/garbage`, 'no migration stream');
    await restoreDevices(rescue.paths.main, `${folders.path}/garbage`).catch(() => undefined);
    await waitFor(async () => (await queryMigrate(rescue)).status === 'failed', { what: 'the load to fail' });
    assert.not((await rescue.queryStatus()).running);
  });

  test.run();
}
