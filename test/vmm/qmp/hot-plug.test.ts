/**
 * The same changes of a VM, good and bad ones, to baton-vmm and to real QEMU 11.1: class and words of every answer. QEMU's
 * virtio-mmio slots cannot be plugged into: there the devices are PCI's, behind a port that can.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findInCache } from '../../fetch/cache.js';
import { ticker } from '../../guests/ticker.js';
import { skipSuite } from '../../helpers/skip.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';
import { QmpClient } from '../qmp-client.js';

const BATON = [process.execPath, fileURLToPath(new URL('../../../vmm/baton-vmm.cjs', import.meta.url))];
const found = findInCache().qemu('11.1', 'riscv64');

interface Context {
  dir: TempDir;
  running: ChildProcess[];
}

const test = suite<Context>('changes of a VM beside QEMU 11.1');

test.before.each(async (context) => {
  context.dir = await tempDir();
  context.running = [];
  await writeFile(`${context.dir.path}/ticker.bin`, ticker({ patternMiB: 1 }).bytes);
});

test.after.each(async ({ dir, running }) => {
  for (const child of running) {
    const exit = once(child, 'exit');
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await exit;
  }
  await dir.remove();
});

type Ask = readonly [execute: string, args?: object];

const rng = (args: object): Ask => ['object-add', { 'qom-type': 'rng-builtin', ...args }];
const chardev = (id: string, type: string, data?: object, more: object = {}): Ask => [
  'chardev-add',
  { id, backend: { type, ...(data && { data }) }, ...more },
];
const stream = (id: string, more: object = {}): Ask => [
  'netdev_add',
  { type: 'stream', id, addr: { type: 'unix', path: '/nonexistent/x' }, 'reconnect-ms': 1000, ...more },
];
const nullNode = (more: object): Ask => ['blockdev-add', { driver: 'null-co', ...more }];
const line = (text: string): Ask => ['human-monitor-command', { 'command-line': text }];

const ASKS: readonly Ask[] = [
  rng({ id: 'r0' }),
  rng({ id: 'r0' }),
  rng({ id: '1r' }),
  rng({}),
  rng({ id: 'r1', surplus: 1 }),
  ['object-add', { id: 'r1' }],
  ['object-add', { 'qom-type': 'nonsense', id: 'r1' }],
  ['object-add', { 'qom-type': 'rng-random', id: 'r1', filename: '/nonexistent/x' }],
  ['object-add', { 'qom-type': 'memory-backend-ram', id: 'm0', size: 4096 }],
  ['object-add', { 'qom-type': 'memory-backend-file', id: 'm1', size: 4096 }],
  ['object-del', { id: 'm0' }],
  ['object-del', { id: 'm0' }],
  ['object-del', { id: 'ram0' }],
  chardev('c0', 'null', {}),
  chardev('c0', 'null', {}),
  chardev('c1', 'nonsense', {}),
  chardev('c1', 'null'),
  chardev('c1', 'file', {}),
  chardev('c1', 'null', {}, { surplus: 1 }),
  ['chardev-remove', { id: 'c0' }],
  ['chardev-remove', { id: 'c0' }],
  ['chardev-remove', { id: 'serial0' }],
  stream('n0'),
  stream('n0'),
  stream('1n'),
  ['netdev_add', { type: 'nonsense', id: 'n1' }],
  ['netdev_add', { id: 'n1' }],
  ['netdev_add', { type: 'tap', id: 'n1', fd: 'nothing' }],
  nullNode({ 'node-name': 'b0' }),
  nullNode({ 'node-name': 'b0' }),
  nullNode({}),
  nullNode({ 'node-name': '1b' }),
  nullNode({ 'node-name': 'b1', surplus: 1 }),
  ['blockdev-add', { driver: 'nonsense', 'node-name': 'b1' }],
  ['blockdev-add', { driver: 'file', 'node-name': 'b1' }],
  ['blockdev-add', { driver: 'file', 'node-name': 'b1', filename: '/nonexistent/x' }],
  ['blockdev-add', { driver: 'raw', 'node-name': 'b1', file: 'nothing' }],
  ['blockdev-add', { driver: 'raw', 'node-name': 'b1', file: 'b0' }],
  ['blockdev-del', { 'node-name': 'b0' }],
  ['blockdev-del', { 'node-name': 'b1' }],
  ['blockdev-del', { 'node-name': 'b1' }],
  ['device_add', {}],
  ['device_add', { driver: 'nonsense' }],
  ['device_add', { driver: 'virtio-rng-DEVICE', id: '1x' }],
  ['device_add', { driver: 'virtio-rng-DEVICE', id: 'x0', rng: 'nothing' }],
  ['device_add', { driver: 'virtio-net-device', id: 'x0', bus: 'nothing' }],
  ['device_add', { driver: 'virtio-blk-DEVICE', id: 'x0', drive: 'b0', discard: 5 }],
  ['device_add', { driver: 'virtio-blk-DEVICE', id: 'x0', drive: 'b0' }],
  ['device_add', { driver: 'virtio-rng-DEVICE', id: 'x0' }],
  ['blockdev-del', { 'node-name': 'b0' }],
  ['device_del', {}],
  ['device_del', { id: 'nothing' }],
  ['device_del', { id: '/machine/peripheral/nothing' }],
  ['netdev_del', { id: 'n0' }],
  ['netdev_del', { id: 'n0' }],
  line('chardev-remove nothing'),
  line('device_del nothing'),
  line('netdev_del nothing'),
  line('object_del nothing'),
  line('device_add nonsense'),
  line('object_add rng-builtin,id=r0'),
  line('object_add rng-builtin,id=h0'),
  line('object_del h0'),
  line('chardev-add null,id=h0'),
  line('chardev-remove h0'),
];

async function start({ dir, running }: Context, prefix: readonly string[]): Promise<QmpClient> {
  const folder = `${dir.path}/${running.length}`;
  await mkdir(folder);
  const [program = '', ...rest] = prefix;
  const args = [
    ...['-machine', 'virt,memory-backend=ram0', '-m', '64M', '-display', 'none', '-nodefaults', '-S'],
    ...['-object', 'memory-backend-memfd,id=ram0,size=64M,share=on'],
    ...['-kernel', `${dir.path}/ticker.bin`, '-chardev', 'null,id=serial0', '-serial', 'chardev:serial0'],
    ...['-qmp', `unix:${folder}/qmp,server=on,wait=off`],
  ];
  running.push(spawn(program, [...rest, ...args], { stdio: 'ignore' }));
  return QmpClient.ready(`${folder}/qmp`);
}

async function answers(client: QmpClient, forPci: boolean): Promise<string[]> {
  const lines: string[] = [];
  for (const [execute, given = {}] of ASKS) {
    const driver = (given as { driver?: string }).driver ?? '';
    const isHere = driver.endsWith('-DEVICE');
    const args = {
      ...given,
      ...(isHere && { driver: driver.replace('DEVICE', forPci ? 'pci' : 'device') }),
      ...(isHere && forPci && { bus: 'port0' }),
    };
    const reply = await client.ask(execute, args);
    lines.push(
      `${execute} ${JSON.stringify(given)} -> ${JSON.stringify('error' in reply ? reply.error : reply.return)}`,
    );
  }
  return lines;
}

if (!('missing' in found)) {
  test('every answer is QEMU’s', async (context) => {
    const qemu = await start(context, [...found.argvPrefix, '-device', 'pcie-root-port,id=port0']);
    const baton = await start(context, BATON);
    const expected = await answers(qemu, true);
    assert.equal(await answers(baton, false), expected);
    await qemu.close();
    await baton.close();
  });

  test('DEVICE_DELETED, on both sides of a device that comes and goes', async (context) => {
    const baton = await start(context, BATON);
    await baton.execute('device_add', { driver: 'virtio-rng-device', id: 'x0' });
    await baton.execute('device_del', { id: '/machine/peripheral/x0' });
    const { data } = await baton.event('DEVICE_DELETED');
    assert.equal(data, { device: 'x0', path: '/machine/peripheral/x0' });
    await baton.close();
  });
}

if ('missing' in found) skipSuite('changes of a VM beside QEMU 11.1', found.missing);
else test.run();
