/** Real processes whose devices come and go: under the guest, and while it changes over to another process. */

import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { waitFor } from '../helpers/wait.js';
import type { QmpClient } from './qmp-client.js';
import { channelsTo, prepareSource, ticksOn, VmmHost, type VmmProcess } from './vmm-process.js';

const ROUNDS = 20;

let host: VmmHost;
let source: VmmProcess;
let monitor: QmpClient;
let clients: Socket[];
let server: Server;

const test = suite('devices that come and go');

test.before.each(async () => {
  host = await VmmHost.create();
  clients = [];
  server = createServer((socket) => clients.push(socket.on('error', () => {})));
  await new Promise<void>((resolve) => server.listen(socketPath(), resolve));
  writeFileSync(diskPath(), '');
  truncateSync(diskPath(), 2 ** 20);
  source = await host.launch();
  monitor = await source.monitor();
  await ticksOn(source);
});

test.after.each(async () => {
  await monitor.close();
  for (const client of clients) client.destroy();
  await new Promise((resolve) => server.close(resolve));
  await host.remove();
});

const socketPath = () => join(host.path, 'network');
const diskPath = () => join(host.path, 'disk');
const stream = () => ({ type: 'stream', id: 'net0', addr: { type: 'unix', path: socketPath() } });
const nic = { driver: 'virtio-net-device', id: 'nic0', netdev: 'net0' };
const node = () => ({ driver: 'raw', 'node-name': 'disk0', file: { driver: 'file', filename: diskPath() } });
const disk = { driver: 'virtio-blk-device', id: 'vd0', drive: 'disk0' };

/** The same as options. */
function plugged(): string[] {
  return [
    ...['-netdev', JSON.stringify(stream()), '-device', 'virtio-net-device,netdev=net0,id=nic0'],
    ...['-blockdev', JSON.stringify(node()), '-device', 'virtio-blk-device,drive=disk0,id=vd0'],
  ];
}

async function plugBoth(client: QmpClient): Promise<void> {
  await client.execute('netdev_add', stream());
  await client.execute('device_add', nic);
  await client.execute('blockdev-add', node());
  await client.execute('device_add', disk);
}

async function devicesOf(client: QmpClient): Promise<string[]> {
  const list = await client.execute<{ name: string }[]>('qom-list', { path: '/machine/peripheral' });
  return list.map(({ name }) => name).filter((name) => name !== 'type');
}

async function status(client: QmpClient): Promise<unknown> {
  return (await client.execute<{ status?: string }>('query-migrate')).status;
}

test(`${ROUNDS} times in and out: the guest goes on, and nothing stays open`, async () => {
  await plugBoth(monitor);
  const files: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await monitor.execute('object-add', { 'qom-type': 'rng-random', id: 'r0', filename: '/dev/urandom' });
    await monitor.execute('device_add', { driver: 'virtio-rng-device', id: 'rng0', rng: 'r0' });
    assert.match(await monitor.refusal('object-del', { id: 'r0' }), /^object 'r0' is in use/);
    await monitor.execute('chardev-add', { id: 'c0', backend: { type: 'pty', data: {} } });
    const busy = await source.openFiles();
    monitor.forgetEvents();
    for (const id of ['rng0', 'vd0', 'nic0']) await monitor.execute('device_del', { id });
    await monitor.event('DEVICE_DELETED');
    await monitor.execute('blockdev-del', { 'node-name': 'disk0' });
    await monitor.execute('netdev_del', { id: 'net0' });
    await monitor.execute('object-del', { id: 'r0' });
    await monitor.execute('chardev-remove', { id: 'c0' });
    await waitFor(() => source.openFiles() < busy, { what: 'fewer open files' });
    files.push(source.openFiles());
    await plugBoth(monitor);
  }
  assert.ok((files.at(-1) ?? 0) <= (files[1] ?? 0), `open files: ${files}`);
  await ticksOn(source);
});

test('what is used stays, and what fails changes nothing', async () => {
  await plugBoth(monitor);
  const before = [await devicesOf(monitor), source.openFiles()];
  assert.is(await monitor.refusal('netdev_del', { id: 'net0' }), "Netdev 'net0' is in use");
  assert.is(await monitor.refusal('blockdev-del', { 'node-name': 'disk0' }), 'Node disk0 is in use');
  assert.is(await monitor.refusal('chardev-remove', { id: 'serial0' }), "Chardev 'serial0' is busy");
  assert.match(await monitor.refusal('object-del', { id: 'ram0' }), /which is mapped/);
  assert.match(await monitor.refusal('device_add', { ...disk, id: 'vd1' }), /^device .*Permission conflict/);
  assert.match(await monitor.refusal('device_add', { ...nic, id: 'nic1' }), /it's in use/);
  assert.match(await monitor.refusal('device_add', { ...disk, id: 'vd1', 'queue-size': 3 }), /power of 2/);
  assert.equal([await devicesOf(monitor), source.openFiles()], before);
  const { return: qtree } = (await monitor.ask('human-monitor-command', {
    'command-line': 'info qtree',
  })) as { return: string };
  assert.match(qtree, /dev: virtio-blk-device, id "vd0"/);
  await ticksOn(source);
});

test('on the target in the window of -incoming defer: the connection goes along, and nothing is refused', async () => {
  await plugBoth(monitor);
  await prepareSource(monitor);
  const target = await host.launch({ incoming: 'defer' });
  await target.listening();
  await monitor.execute('migrate', channelsTo(target));
  const there = await target.monitor();
  const refused = await monitor.refusal('device_add', { driver: 'virtio-rng-device' });
  assert.is(refused, 'device_add not allowed while migrating');
  assert.is(await monitor.refusal('device_del', { id: 'vd0' }), 'device_del not allowed while migrating');
  await plugBoth(there);
  await there.execute('migrate-incoming', { uri: `unix:${target.path('main')}` });
  await there.event('RESUME', undefined, 60_000);
  await ticksOn(target);
  assert.equal(await devicesOf(there), ['nic0', 'vd0']);
  assert.is(clients.length, 1, 'it was not connected to anew');
  assert.not(clients[0]?.destroyed);
  assert.is(target.stderr, '');
  await there.execute('device_del', { id: 'nic0' });
  await there.close();
});

test('a target without the device is refused before anything stops, one that names it takes over', async () => {
  await plugBoth(monitor);
  await prepareSource(monitor);
  monitor.forgetEvents();
  const bare = await host.launch({ incoming: 'defer' });
  await bare.listening();
  await monitor.execute('migrate', channelsTo(bare));
  const there = await bare.monitor();
  await there.execute('migrate-incoming', { uri: `unix:${bare.path('main')}` });
  await monitor.event('MIGRATION', 'failed', 60_000);
  const { 'error-desc': why = '' } = await monitor.execute<{ 'error-desc'?: string }>('query-migrate');
  assert.match(why, /has no device/);
  assert.is(monitor.findEvent('STOP'), undefined);
  await there.close();
  await ticksOn(source);
  const named = await host.launch({
    incoming: 'unix',
    extra: plugged(),
  });
  await named.listening();
  await monitor.execute('migrate', channelsTo(named));
  await waitFor(async () => (await status(monitor)) === 'completed', { what: 'the hand-over' });
  await ticksOn(named);
  assert.is(clients.length, 1);
});

test('cpr-exec with a command line that names what was plugged: the connection stays', async () => {
  await plugBoth(monitor);
  const words = readFileSync(`/proc/${source.pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  const state = join(host.path, 'state');
  await monitor.execute('migrate-set-parameters', {
    mode: 'cpr-exec',
    'cpr-exec-command': [...words, ...plugged(), '-incoming', `file:${state}`],
  });
  await monitor.execute('migrate', { uri: `file:${state}` });
  await waitFor(() => monitor.isClosed, { what: 'the end of the old monitor' });
  await ticksOn(source);
  const next = await source.monitor();
  assert.equal(await devicesOf(next), ['nic0', 'vd0']);
  assert.is(clients.length, 1);
  assert.not(clients[0]?.destroyed);
  await next.execute('device_del', { id: 'vd0' });
  await next.close();
});

test('what nobody has taken when the guest has come is closed and named', async () => {
  await monitor.execute('netdev_add', stream());
  await prepareSource(monitor);
  const target = await host.launch({ incoming: 'unix' });
  await target.listening();
  await monitor.execute('migrate', channelsTo(target));
  await ticksOn(target);
  await waitFor(() => target.stderr.includes('nothing here is called netdev/net0'), { what: 'a word of it' });
});

test.run();
