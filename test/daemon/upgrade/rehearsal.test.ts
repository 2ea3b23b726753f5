import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_HARDWARE } from '../../../daemon/hardware.js';
import type { VmmDriver } from '../../../daemon/instance/driver.js';
import { LinuxProcesses } from '../../../daemon/instance/host.js';
import { launch } from '../../../daemon/instance/launch.js';
import { QemuDriver } from '../../../daemon/instance/qemu-driver.js';
import { withStandIns } from '../../../daemon/instance/qemu-stand-ins.js';
import { instancePaths } from '../../../daemon/instance.js';
import { keeperFiles, keeperMark } from '../../../daemon/keeper/files.js';
import { DEFAULT_HOST_POLICY, type MachineSpec } from '../../../daemon/machine.js';
import { clearRehearsals, rehearse, type Side } from '../../../daemon/upgrade/rehearsal.js';
import type { UpgradeMode } from '../../../daemon/upgrade.js';
import { findInCache, type QemuTarget, type QemuVersion } from '../../fetch/cache.js';
import { skipSuite } from '../../helpers/skip.js';
import { waitFor } from '../../helpers/wait.js';
import type { Folders } from '../fixture.js';
import { keeperPids, rehearsalPids, vmmPids } from '../fixture.js';
import { makeQemuFolders, writeWrapper } from '../qemu-fixture.js';

const KEEPER = fileURLToPath(new URL('../../../daemon/keeper/main.js', import.meta.url));
const ID = '11111111-2222-3333-4444-555555555555';
const cache = findInCache();
const host = new LinuxProcesses();
const missing = (['10.0', '11.1'] as const)
  .flatMap((version) => [cache.qemu(version, 'riscv64'), cache.qemu(version, 'x86_64')])
  .find((found) => 'missing' in found);

const test = suite<{ folders: Folders }>('rehearsal of an upgrade');

test.before.each(async (context) => {
  context.folders = await makeQemuFolders('x86_64');
});

test.after.each(async ({ folders }) => {
  await clearRehearsals(folders.runtimeDir, host);
  await folders.remove();
});

async function side(driver: VmmDriver, path: string): Promise<Side> {
  const files = { contentHash: 'h', files: [path], fileState: 'as-registered', fileStamp: '' } as const;
  const found = await driver.probe(path);
  return { driver, build: { id: path, kind: driver.kind, path, addedAtMs: 0, ...files, ...found } };
}

function qemu(version: QemuVersion, target: QemuTarget): Promise<Side> {
  const found = cache.qemu(version, target);
  return side(new QemuDriver(), 'missing' in found ? '' : (found.argvPrefix[0] ?? ''));
}

function machineOf(folders: Folders, more: Partial<MachineSpec> = {}) {
  const spec: MachineSpec = {
    ...DEFAULT_HARDWARE,
    ...DEFAULT_HOST_POLICY,
    memoryMiB: 64,
    vcpus: 2,
    kernel: folders.kernel,
    initrd: null,
    commandLine: null,
    firmware: null,
    accelerator: 'tcg',
    ...more,
  };
  return { id: ID, name: 'guest', spec };
}

async function findings(
  folders: Folders,
  machine: ReturnType<typeof machineOf>,
  from: Side,
  to: Side,
  mode: UpgradeMode = 'cpr-transfer',
) {
  const { runtimeDir } = folders;
  const signal = AbortSignal.timeout(60_000);
  const sides = { source: from, target: to };
  const found = await rehearse({ machine, ...sides, mode, host, runtimeDir, signal });
  const left = [...vmmPids(folders), ...rehearsalPids(folders), ...keeperPids(folders)];
  assert.equal(left, [], 'processes are left');
  assert.equal(readdirSync(`${runtimeDir}/trial`), [], 'files are left');
  return found;
}

if (missing !== undefined && 'missing' in missing) {
  skipSuite('rehearsal of an upgrade', missing.missing);
} else {
  test('a q35 machine with a locked disk and a network goes from 10.0 to 11.1', async ({ folders }) => {
    const disk = `${folders.path}/disk.raw`;
    writeFileSync(disk, Buffer.alloc(1024 * 1024));
    const machine = machineOf(folders, {
      machineType: 'pc-q35-10.0',
      disks: [{ path: disk, format: 'raw', bus: 'virtio', readOnly: false }],
      nics: [
        { kind: 'user', mac: null },
        { kind: 'stream', mac: null, path: '/nobody/listens' },
      ],
    });
    const [from, to] = [await qemu('10.0', 'x86_64'), await qemu('11.1', 'x86_64')];
    const folder = { socketsDir: `${folders.runtimeDir}/real/1`, logsDir: `${folders.stateDir}/real` };
    const real = { ...machine, spec: { ...machine.spec, nics: [] } };
    const plan = { machine: real, build: from.build, paths: instancePaths(folder), incoming: null };
    const { process } = await launch(folder, from.driver.commandLine(plan), host);
    try {
      await waitFor(() => existsSync(plan.paths.qmp), { what: 'the real machine to hold its disk' });
      const { runtimeDir } = folders;
      const rehearsed = { ...machine, spec: await withStandIns(machine.spec) };
      const found = await rehearse({
        machine: rehearsed,
        source: from,
        target: to,
        mode: 'cpr-transfer',
        host,
        runtimeDir,
        signal: AbortSignal.timeout(60_000),
      });
      assert.equal(found, []);
      assert.equal([...vmmPids(folders), ...rehearsalPids(folders)], [process.pid]);
    } finally {
      await host.kill(process, 10_000);
    }
  });

  test('the machine type of another version is refused with the words of the target', async ({ folders }) => {
    const [from, to] = [await qemu('10.0', 'x86_64'), await qemu('11.1', 'x86_64')];
    const [finding] = await findings(folders, machineOf(folders), from, to);
    assert.is(finding?.severity, 'block');
    assert.match(
      finding?.sentence ?? '',
      /Machine type received is 'pc-q35-10.0' and local is 'pc-q35-11.1'/,
    );
  });

  test('the state of a processor, which no dump tells of, is refused as well', async ({ folders }) => {
    const [from, to] = [await qemu('10.0', 'riscv64'), await qemu('11.1', 'riscv64')];
    const [finding] = await findings(folders, machineOf(folders), from, to);
    assert.is(finding?.code, 'rehearsal_state_refused', finding?.sentence);
    assert.match(finding?.sentence ?? '', /hand-over failed: .*cpu: incoming version_id 10 is too old/);
  });

  test('a target that ends is told with its last words', async ({ folders }) => {
    const machine = machineOf(folders, { machineType: 'pc-q35-10.0' });
    const [from, to] = [await qemu('11.1', 'x86_64'), await qemu('10.0', 'x86_64')];
    const [finding] = await findings(folders, machine, from, to);
    assert.match(finding?.sentence ?? '', /exit code 1.*it said: .*vmstate_load_state error -2/);
  });

  test('by cpr-exec a machine with a disk and a network goes from one 11.1 to another', async ({
    folders,
  }) => {
    const machine = machineOf(folders, {
      disks: [{ format: 'empty', sizeBytes: 1024 * 1024, bus: 'virtio', readOnly: false }],
      nics: [{ kind: 'user', mac: null }],
    });
    const both = await qemu('11.1', 'x86_64');
    assert.equal(await findings(folders, machine, both, both, 'cpr-exec'), []);
  });

  for (const [what, act, words] of [
    ['its options', 'set -- "$@" -bogus', /load failed: .*exit code 1.*it said: .*-bogus: invalid option/],
    [
      'the state',
      'set -- "$@" -machine pc-q35-10.0',
      /load failed: .*Machine type received is 'pc-q35-11.1'/,
    ],
  ] as const) {
    test(`by cpr-exec a new program that refuses ${what} is told with its words`, async ({ folders }) => {
      const from = await qemu('11.1', 'x86_64');
      const lines = ['case " $* " in', `*' -incoming '*) ${act} ;;`, 'esac'];
      const path = writeWrapper(folders, 'bad', { binary: from.build.path, lines });
      const to = await side(new QemuDriver(), path);
      const [finding] = await findings(folders, machineOf(folders), from, to, 'cpr-exec');
      assert.is(finding?.severity, 'block');
      assert.match(finding?.sentence ?? '', words);
    });
  }

  test('by cpr-exec a program that cannot be run is told with the words of the source', async ({
    folders,
  }) => {
    const from = await qemu('11.1', 'x86_64');
    const gone: Side = { ...from, build: { ...from.build, path: `${folders.path}/gone` } };
    const [finding] = await findings(folders, machineOf(folders), from, gone, 'cpr-exec');
    assert.match(finding?.sentence ?? '', /exec failed: .*execvp .*gone failed/);
  });

  test('what a daemon left that died in a rehearsal is cleared away', async ({ folders }) => {
    const { build, driver } = await qemu('11.1', 'x86_64');
    const { runtimeDir } = folders;
    const left = { socketsDir: `${runtimeDir}/trial/a/1`, logsDir: `${runtimeDir}/trial/a/1-logs` };
    const plan = { machine: machineOf(folders), build, paths: instancePaths(left), incoming: 'cpr' as const };
    const { end } = await launch(left, driver.commandLine(plan), host);
    const folder = `${runtimeDir}/trial/a/u`;
    mkdirSync(folder);
    spawn(process.execPath, [KEEPER, keeperMark(folder), folder, '60000'], { stdio: 'ignore' });
    await waitFor(() => existsSync(keeperFiles(folder).take), { what: 'the keeper to wait' });

    await clearRehearsals(runtimeDir, host);

    assert.equal(keeperPids(folders), []);

    assert.equal(await end, { exitCode: null, exitSignal: 'SIGKILL' });
    assert.not(existsSync(`${runtimeDir}/trial`));
  });

  test('a source that does not start says nothing of the upgrade', async ({ folders }) => {
    const machine = machineOf(folders, { cpu: 'abacus' });
    const from = await qemu('10.0', 'x86_64');
    const words = await findings(folders, machine, from, from).then(
      () => 'it was rehearsed',
      (error) => error.message,
    );
    assert.match(words, /did not start for a rehearsal: .*exit code 1.*unable to find CPU model 'abacus'/);
  });
}

test.run();
