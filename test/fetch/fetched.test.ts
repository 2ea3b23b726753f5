/** What was fetched really works: each QEMU runs with its own libraries, each kernel boots to our init. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { skipSuite } from '../helpers/skip.js';
import { tempDir } from '../helpers/temp-dir.js';
import { findInCache, type KernelFiles } from './cache.js';
import { cpio } from './cpio.js';
import { READY_LINE } from './initramfs.js';

const run = promisify(execFile);
const test = suite('fetched');
const BOOT_DEADLINE_MS = 90_000;

const cache = findInCache();
const QEMUS = (['10.0', '11.1'] as const).flatMap((version) =>
  (['riscv64', 'x86_64'] as const).map((target) => ({ version, target, found: cache.qemu(version, target) })),
);
const KERNELS = (
  [
    ['6.12', 'riscv64'],
    ['7.2', 'riscv64'],
    ['6.12', 'amd64'],
  ] as const
).map(([version, architecture]) => ({ version, architecture, found: cache.kernel(version, architecture) }));

/** What of a command line depends on the architecture, and the modules that the kernel there has not built in. */
const BOARDS = {
  riscv64: { target: 'riscv64', machine: 'virt', bus: 'device', modules: ['virtio_mmio', 'ext4'] },
  amd64: { target: 'x86_64', machine: 'q35', bus: 'pci', modules: ['button', 'evdev'] },
} as const;
type Board = (typeof BOARDS)[keyof typeof BOARDS];

const missing = [...QEMUS, ...KERNELS, { found: cache.opensbi() }]
  .map(({ found }) => ('missing' in found ? found.missing : undefined))
  .find((reason) => reason !== undefined);

for (const { version, target, found } of QEMUS) {
  if ('missing' in found) continue;
  test(`QEMU ${version} for ${target} runs with its own libraries, as itself`, async () => {
    const [program = '', ...prefix] = found.argvPrefix;
    const { stdout } = await run(program, [...prefix, '--version'], { timeout: 20_000 });
    assert.match(stdout, `QEMU emulator version ${version}.`);
    const { stdout: machines } = await run(program, [...prefix, '-machine', 'help'], { timeout: 20_000 });
    assert.match(machines, target === 'riscv64' ? /^virt /m : /^q35 /m);
  });
}

/** Appends a program of ours to the initramfs; it must find devices, modules and a way to power off. */
async function bootWith(files: KernelFiles, board: Board, script: string): Promise<string> {
  const qemu = cache.qemu('11.1', board.target);
  if ('missing' in qemu) throw new Error(qemu.missing);
  const directory = await tempDir();
  try {
    const addition = cpio([
      { type: 'directory', name: 'etc' },
      { type: 'directory', name: 'etc/baton' },
      { type: 'file', name: 'etc/baton/run', data: Buffer.from(script), mode: 0o755 },
    ]);
    const initrd = join(directory.path, 'initrd');
    await writeFile(initrd, Buffer.concat([await readFile(files.initrd), addition]));
    const [program = '', ...prefix] = qemu.argvPrefix;
    const args = [
      ...['-machine', board.machine, '-m', '256M', '-nodefaults', '-display', 'none', '-serial', 'stdio'],
      ...['-kernel', files.image, '-initrd', initrd, '-append', 'console=ttyS0 quiet'],
      ...['-object', 'rng-random,id=r,filename=/dev/urandom', '-device', `virtio-rng-${board.bus},rng=r`],
      ...['-drive', `file=${initrd},format=raw,readonly=on,if=none,id=d`],
      ...['-device', `virtio-blk-${board.bus},drive=d`],
    ];
    const { stdout } = await run(program, [...prefix, ...args], { timeout: BOOT_DEADLINE_MS });
    return stdout;
  } finally {
    await directory.remove();
  }
}

for (const { version, architecture, found } of KERNELS) {
  if ('missing' in found) continue;
  const board = BOARDS[architecture];
  test(`kernel ${version} for ${architecture} boots, loads its modules, runs /etc/baton/run and powers off`, async () => {
    const script = '#!/bin/sh\nuname -r\nlsmod | cut -d" " -f1\ncat /sys/block/vda/size\nexit 7\n';
    const output = await bootWith(found, board, script);
    assert.match(output, READY_LINE);
    assert.match(output, `\n${version}.`);
    for (const name of ['virtio_blk', 'virtio_net', 'virtio_rng', ...board.modules]) {
      assert.match(output, new RegExp(`^${name}\r?$`, 'm'));
    }
    assert.not.match(output, 'did not load');
    assert.match(output, /^[1-9]\d+\r?$/m, 'the disk has sectors');
    assert.match(output, '/etc/baton/run ended with 7');
  });
}

if (missing === undefined) test.run();
else skipSuite('fetched', missing);
