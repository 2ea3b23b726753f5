import { writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_HARDWARE } from '../../../daemon/hardware.js';
import { LinuxProcesses } from '../../../daemon/instance/host.js';
import { launch } from '../../../daemon/instance/launch.js';
import { QemuDriver } from '../../../daemon/instance/qemu-driver.js';
import { dumpVmState } from '../../../daemon/instance/qemu-vmstate.js';
import { QmpClient } from '../../../daemon/instance/qmp-client.js';
import { instancePaths } from '../../../daemon/instance.js';
import { DEFAULT_HOST_POLICY } from '../../../daemon/machine.js';
import { devicesInUse } from '../../../daemon/preflight/devices-in-use.js';
import { blocks } from '../../../daemon/preflight/finding.js';
import { compareVmState } from '../../../daemon/preflight/vmstate-compare.js';
import { findInCache, type QemuVersion } from '../../fetch/cache.js';
import { skipSuite } from '../../helpers/skip.js';
import { tempDir } from '../../helpers/temp-dir.js';
import { waitFor } from '../../helpers/wait.js';

const test = suite('devices in use');

/** A tree by paths; a VMM would list properties as well. */
function tree(children: Record<string, Record<string, string>>) {
  return {
    execute: async (_command: string, { path }: { path: string }) =>
      Object.entries(children[path] ?? {}).map(([name, type]) => ({ name, type })),
  };
}

test('every object below the machine is found, links and properties are not followed', async () => {
  const types = await devicesInUse(
    tree({
      '/machine': { unattached: 'child<container>', cpu: 'link<z80>', type: 'string' },
      '/machine/unattached': { 'device[0]': 'child<clock>', 'ram[0]': 'child<memory-region>' },
      '/machine/unattached/device[0]': { 'bell[0]': 'child<bell>', 'irq[0]': 'child<irq>' },
      '/machine/cpu': { 'ghost[0]': 'child<ghost>' },
    }),
  );
  assert.equal([...types], ['container', 'clock', 'bell']);
});

test('a tree without end and an answer that is no list are errors', async () => {
  const words = (asking: Promise<unknown>) => asking.then(String, (error) => error.message);
  const endless = { execute: async () => [{ name: 'again', type: 'child<mirror>' }] };
  assert.match(await words(devicesInUse(endless)), /expected at most 20000 objects below \/machine/);
  assert.match(
    await words(devicesInUse({ execute: async () => 'no' })),
    /expected qom-list \/machine to return/,
  );
});

const cache = findInCache();
const found = { '10.0': cache.qemu('10.0', 'x86_64'), '11.1': cache.qemu('11.1', 'x86_64') };
const missing = Object.values(found).find((qemu) => 'missing' in qemu);

function binary(version: QemuVersion): string {
  const qemu = found[version];
  return 'missing' in qemu ? '' : (qemu.argvPrefix[0] ?? '');
}

if (missing !== undefined && 'missing' in missing) {
  skipSuite('devices in use of real QEMUs', missing.missing);
} else {
  test('of a whole q35 machine nothing blocks from 10.0 to 11.1', async () => {
    const { path, remove } = await tempDir();
    const host = new LinuxProcesses();
    const driver = new QemuDriver();
    const folders = { socketsDir: `${path}/s`, logsDir: `${path}/l` };
    const paths = instancePaths(folders);
    writeFileSync(`${path}/kernel`, Buffer.alloc(4096));
    writeFileSync(`${path}/disk`, Buffer.alloc(4096));
    const disk = { path: `${path}/disk`, format: 'raw', readOnly: false } as const;
    const spec = {
      ...DEFAULT_HARDWARE,
      ...DEFAULT_HOST_POLICY,
      ...{
        memoryMiB: 64,
        vcpus: 1,
        kernel: `${path}/kernel`,
        initrd: null,
        commandLine: null,
        firmware: null,
      },
      ...{ build: null, machineType: 'pc-q35-10.0', accelerator: 'tcg' as const },
      disks: [{ ...disk, bus: 'scsi' as const }],
      nics: [{ kind: 'user' as const, mac: null }],
    };
    const { abilities } = await driver.probe(binary('10.0'));
    const plan = { machine: { id: '11111111-2222-3333-4444-555555555555', name: 'guest', spec }, paths };
    const line = driver.commandLine({ ...plan, build: { path: binary('10.0'), abilities }, incoming: null });
    const { process } = await launch(folders, line, host);
    try {
      const qmp = await waitFor(() => QmpClient.connect(paths.qmp, { deadlineMs: 5_000 }).catch(() => null), {
        what: 'a monitor',
      });
      const types = await devicesInUse(qmp);
      qmp.close();
      const expected = ['virtio-net-device', 'scsi-hd', 'mc146818rtc', 'ICH9-LPC', 'qemu64-x86_64-cpu'];
      for (const type of expected) assert.ok(types.has(type), `${type} in ${[...types].join(' ')}`);
      const source = await dumpVmState(binary('10.0'), 'pc-q35-10.0');
      const findings = compareVmState(source, await dumpVmState(binary('11.1'), 'pc-q35-10.0'), types);
      assert.not(blocks(findings), JSON.stringify(findings));
    } finally {
      await host.kill(process, 10_000);
      await remove();
    }
  });
}

test.run();
