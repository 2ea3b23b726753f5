/** Command lines are tried on the real binaries: QEMU is the judge of what is right. */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_HARDWARE } from '../../../daemon/hardware.js';
import type { Incoming } from '../../../daemon/instance/driver.js';
import { LinuxProcesses } from '../../../daemon/instance/host.js';
import { launch } from '../../../daemon/instance/launch.js';
import { outputTail } from '../../../daemon/instance/output-tail.js';
import { QemuDriver } from '../../../daemon/instance/qemu-driver.js';
import { QmpClient } from '../../../daemon/instance/qmp-client.js';
import { instancePaths } from '../../../daemon/instance.js';
import { DEFAULT_HOST_POLICY, type MachineSpec } from '../../../daemon/machine.js';
import { findInCache, type QemuTarget } from '../../fetch/cache.js';
import { x86Ticker } from '../../guests/x86-ticker.js';
import { skipSuite } from '../../helpers/skip.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';
import { waitFor } from '../../helpers/wait.js';

const MACHINE_ID = '11111111-2222-3333-4444-555555555555';
const DISK_BYTES = 64 * 1024;
const host = new LinuxProcesses();
const cache = findInCache();
const found = { x86_64: cache.qemu('11.1', 'x86_64'), riscv64: cache.qemu('11.1', 'riscv64') };
const missing = [found.x86_64, found.riscv64].find((qemu) => 'missing' in qemu);

const test = suite<{ dir: TempDir }>('QEMU command line');

test.before.each(async (context) => {
  context.dir = await tempDir();
});

test.after.each(async ({ dir }) => {
  for (const process of host.findByArgument(`unix:${dir.path}/`)) await host.kill(process, 10_000);
  await dir.remove();
});

function spec({ path }: TempDir, more: Partial<MachineSpec> = {}): MachineSpec {
  const kernel = `${path}/kernel, with a comma`;
  writeFileSync(kernel, x86Ticker());
  return {
    ...DEFAULT_HARDWARE,
    ...DEFAULT_HOST_POLICY,
    memoryMiB: 64,
    vcpus: 1,
    kernel,
    initrd: null,
    commandLine: null,
    firmware: null,
    accelerator: 'tcg',
    ...more,
  };
}

async function plan(
  { path }: TempDir,
  target: QemuTarget,
  machineSpec: MachineSpec,
  incoming: Incoming | null = null,
) {
  const driver = new QemuDriver();
  const qemu = found[target];
  const binary = 'missing' in qemu ? '' : (qemu.argvPrefix[0] ?? '');
  const { abilities } = await driver.probe(binary);
  const folders = { socketsDir: `${path}/sockets`, logsDir: `${path}/logs` };
  mkdirSync(folders.logsDir, { recursive: true });
  const paths = instancePaths(folders);
  const machine = { id: MACHINE_ID, name: 'guest', spec: machineSpec };
  const line = driver.commandLine({ machine, build: { path: binary, abilities }, paths, incoming });
  return { line, folders, paths };
}

/** Starts it, asks, and ends it. A QEMU that does not take its command line fails with its own words. */
async function ask(dir: TempDir, target: QemuTarget, machineSpec: MachineSpec) {
  const { line, folders, paths } = await plan(dir, target, machineSpec);
  const { process, end } = await launch(folders, line, host);
  const connecting = waitFor(() => QmpClient.connect(paths.qmp, { deadlineMs: 10_000 }).catch(() => null), {
    what: 'a monitor',
  });
  const died = end.then(() => {
    throw new Error(`QEMU ended: ${outputTail(paths.vmmLog).join(' | ')}`);
  });
  died.catch(() => undefined);
  const qmp = await Promise.race([connecting, died]);
  const answers = {
    status: await qmp.execute<{ status: string }>('query-status'),
    memory: await qmp.execute<{ id: string; share: boolean }[]>('query-memdev'),
    isAuxShared: await qmp.execute<boolean>('qom-get', { path: '/machine', property: 'aux-ram-share' }),
    type: await qmp.execute<string>('qom-get', { path: '/machine', property: 'type' }),
    kernel: await qmp.execute<string>('qom-get', { path: '/machine', property: 'kernel' }),
    name: (await qmp.execute<{ name: string }>('query-name')).name,
    uuid: (await qmp.execute<{ UUID: string }>('query-uuid')).UUID,
    serial: (await qmp.execute<{ label: string; filename: string }[]>('query-chardev')).find(
      ({ label }) => label === 'serial0',
    ),
    disks: await qmp.execute<{ inserted: { file: string; ro: boolean }; qdev: string }[]>('query-block'),
    chardevs: await qmp.execute<{ label: string; filename: string }[]>('query-chardev'),
    blocked: await blockedReasons(qmp),
  };
  qmp.close();
  await host.kill(process, 10_000);
  return answers;
}

/** They tell the truth only once the mode is set. */
async function blockedReasons(qmp: QmpClient): Promise<readonly string[]> {
  await qmp.execute('migrate-set-parameters', { mode: 'cpr-transfer' });
  const answer = await qmp.execute<{ 'blocked-reasons'?: string[] }>('query-migrate');
  return answer['blocked-reasons'] ?? [];
}

if (missing !== undefined && 'missing' in missing) {
  skipSuite('QEMU command line', missing.missing);
} else {
  for (const [target, machineType] of [
    ['riscv64', 'virt'],
    ['x86_64', 'pc-q35-10.0'],
    ['x86_64', 'microvm'],
  ] as const) {
    test(`${target} ${machineType}: starts stopped, is what was asked for, and can be carried`, async ({
      dir,
    }) => {
      const machineSpec = spec(dir, { machineType, vcpus: 2, commandLine: 'console=ttyS0, quiet' });
      const answers = await ask(dir, target, machineSpec);
      assert.is(answers.status.status, 'prelaunch');
      assert.is(answers.type, `${machineType}-machine`);
      assert.equal([answers.name, answers.uuid], ['guest', MACHINE_ID]);
      assert.is(answers.kernel, machineSpec.kernel);
      assert.equal(
        answers.memory.map(({ id, share }) => [id, share]),
        [['ram0', true]],
      );
      assert.is(answers.isAuxShared, true);
      assert.match(answers.serial?.filename ?? '', /^(file|\/dev\/null)/);
      assert.equal(answers.blocked, []);
    });

    test(`${target} ${machineType}: disks of each kind, user network and a stream socket`, async ({
      dir,
    }) => {
      for (const name of ['one', 'two, with a comma', 'three']) {
        writeFileSync(`${dir.path}/${name}`, Buffer.alloc(DISK_BYTES));
      }
      const network = createServer((socket) => socket.on('error', () => undefined)).listen(
        `${dir.path}/net.sock`,
      );
      try {
        const answers = await ask(
          dir,
          target,
          spec(dir, {
            machineType,
            disks: [
              { path: `${dir.path}/one`, format: 'raw', bus: 'virtio', readOnly: false },
              { path: `${dir.path}/two, with a comma`, format: 'raw', bus: 'scsi', readOnly: true },
              { path: `${dir.path}/three`, format: 'raw', bus: 'scsi', readOnly: false },
            ],
            nics: [
              { kind: 'user', mac: null },
              { kind: 'stream', mac: '52:54:00:00:00:07', path: `${dir.path}/net.sock` },
            ],
          }),
        );
        assert.equal(
          answers.disks.map(({ inserted }) => [inserted.file, inserted.ro]),
          [
            [`${dir.path}/one`, false],
            [`${dir.path}/two, with a comma`, true],
            [`${dir.path}/three`, false],
          ],
        );
        assert.equal(answers.blocked, []);
      } finally {
        network.close();
      }
    });
  }

  for (const [target, machineType] of [
    ['riscv64', 'virt'],
    ['x86_64', 'pc-q35-10.0'],
    ['x86_64', 'microvm'],
  ] as const) {
    test(`${target} ${machineType}: a port for the guest's agent, that can be carried`, async ({ dir }) => {
      const answers = await ask(dir, target, spec(dir, { machineType, guestAgent: true }));
      const port = answers.chardevs.find(({ label }) => label === 'agent0');
      assert.is(port?.filename, `disconnected:unix:${dir.path}/sockets/qga.sock,server=on`);
      assert.equal(answers.blocked, []);
    });
  }

  test('a port for the agent leaves all other devices where they were', async ({ dir }) => {
    const more = { nics: [{ kind: 'user', mac: null }], display: { kind: 'vnc' } } as const;
    const { line: without } = await plan(dir, 'x86_64', spec(dir, more));
    const { line: withPort } = await plan(dir, 'x86_64', spec(dir, { ...more, guestAgent: true }));
    const devices = ({ args }: typeof without) => args.filter((_, index) => args[index - 1] === '-device');
    assert.equal(devices(withPort).slice(0, devices(without).length), devices(without));
    assert.is(devices(withPort).length, devices(without).length + 2);
  });

  test('a target waits on the CPR channel and opens no monitor', async ({ dir }) => {
    const { line, folders, paths } = await plan(dir, 'riscv64', spec(dir), 'cpr');
    const { process } = await launch(folders, line, host);
    await waitFor(() => existsSync(paths.cpr), { what: 'the CPR channel' });
    assert.not(existsSync(paths.qmp));
    await host.kill(process, 10_000);
  });

  test('source and target differ in nothing but their own paths and -incoming', async ({ dir }) => {
    const { line: source } = await plan(dir, 'x86_64', spec(dir));
    const { line: target } = await plan(dir, 'x86_64', spec(dir), 'cpr');
    const at = target.args.indexOf('-incoming');
    assert.equal(target.args.slice(at, at + 3), ['-incoming', 'defer', '-incoming']);
    assert.equal([...target.args.slice(0, at), ...target.args.slice(at + 4)], [...source.args]);
  });

  test('a machine that the build cannot run has no command line', async ({ dir }) => {
    const planning = plan(dir, 'x86_64', spec(dir, { machineType: 'pc-q35-2.4' }));
    const words = await planning.then(
      () => '',
      (error) => error.message,
    );
    assert.match(words, /cannot run machine guest: machineType is pc-q35-2.4/);
  });

  test.run();
}
