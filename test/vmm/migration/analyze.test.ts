/** QEMU's own analyze-migration.py reads what we write in each mode, and sees what was in the guest. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findInCache } from '../../fetch/cache.js';
import { skipSuite } from '../../helpers/skip.js';
import type { QmpClient } from '../qmp-client.js';
import { channelsTo, ticksOn, VmmHost, type VmmProcess } from '../vmm-process.js';

const run = promisify(execFile);
const ANALYSIS_DEADLINE_MS = 60_000;
const RAM_BYTES = 64 * 2 ** 20;
const found = findInCache().analyzeMigration();

type Sections = Record<string, Record<string, unknown>>;

let host: VmmHost;
let source: VmmProcess;
let monitor: QmpClient;
let state: string;
let ram: string;

const test = suite('analyze-migration.py of QEMU');

test.before.each(async () => {
  host = await VmmHost.create();
  state = `${host.path}/state`;
  ram = `${host.path}/ram`;
  const backend = `memory-backend-file,id=ram0,size=64M,share=on,mem-path=${ram}`;
  const machine = ['-machine', 'virt,memory-backend=ram0,aux-ram-share=on'];
  source = await host.launch({ memoryArgs: ['-m', '64M', ...machine, '-object', backend] });
  monitor = await source.monitor();
  await ticksOn(source);
});

test.after.each(async () => {
  await monitor.close();
  await host.remove();
});

async function analyze(...args: string[]): Promise<string> {
  const script = 'missing' in found ? '' : found.path;
  const options = { cwd: host.path, timeout: ANALYSIS_DEADLINE_MS, maxBuffer: 16 * 2 ** 20 };
  return (await run('python3', [script, '-f', state, ...args], options)).stdout;
}

/** By name, without the numbers of the sections. */
function sectionsOf(text: string): Sections {
  const entries = Object.entries(JSON.parse(text) as Sections);
  return Object.fromEntries(entries.map(([key, value]) => [key.replace(/ \(\d+\)$/, ''), value]));
}

async function migrate(mode: string, parameters: object = {}): Promise<void> {
  await monitor.execute('migrate-set-parameters', { mode, ...parameters });
  await monitor.execute('migrate', { uri: `file:${state}` });
  await monitor.event('MIGRATION', 'completed');
}

/** The program counter and register sp of the stopped guest, in the monitor's words. */
async function registers(): Promise<{ pc: string; sp: string }> {
  const text = await monitor.execute<string>('human-monitor-command', { 'command-line': 'info registers' });
  const value = (name: RegExp) => `0x${name.exec(text)?.[1] ?? 'none'}`;
  return { pc: value(/^ pc\s+([0-9a-f]{16})/m), sp: value(/ x2\/sp\s+([0-9a-f]{16})/) };
}

/** What every state must show, whatever else is in it. */
async function requireGuest(sections: Sections): Promise<void> {
  const { pc, sp } = await registers();
  assert.is(sections.cpu?.pc, pc);
  assert.is((sections.cpu?.x as string[] | undefined)?.[2], sp);
  const running = Buffer.from('running').toString('hex').match(/../g)?.join(' ');
  assert.ok(String(sections.globalstate?.runstate).startsWith(`${running} 00`));
  assert.is(sections.serial?.lcr, '0x03');
  assert.equal(Object.keys(sections.ram?.['section sizes'] as object), ['ram0']);
}

test('normal: description, state and every page of RAM', async () => {
  await migrate('normal');
  const description = JSON.parse(await analyze('-d', 'desc'));
  assert.is(description.page_size, 4096);
  await requireGuest(sectionsOf(await analyze('-d', 'state')));
  assert.match(await analyze('-x'), /ram0\n.*state\.json/s);
  const extracted = readFileSync(`${host.path}/ram0`);
  assert.is(extracted.length, RAM_BYTES);
  assert.ok(extracted.equals(readFileSync(ram)), 'pages are where they were in the guest');
  assert.ok(extracted.includes('ticker: '), 'the guest is in it');
  assert.equal(JSON.parse(readFileSync(`${host.path}/desc.json`, 'utf8')), description);
  await requireGuest(sectionsOf(readFileSync(`${host.path}/state.json`, 'utf8')));
});

test('cpr-reboot with x-ignore-shared: the capability is understood, and there are no pages', async () => {
  const capabilities = [{ capability: 'x-ignore-shared', state: true }];
  await monitor.execute('migrate-set-capabilities', { capabilities });
  await migrate('cpr-reboot');
  const description = JSON.parse(await analyze('-d', 'desc'));
  assert.is(description.configuration.subsections[0].vmsd_name, 'configuration/capabilities');
  await requireGuest(sectionsOf(await analyze('-d', 'state')));
  await analyze('-x');
  assert.ok(readFileSync(`${host.path}/ram0`).equals(Buffer.alloc(RAM_BYTES)), 'no page was in the file');
});

test('normal, with virtio devices: each has its section, buffers of any length too', async () => {
  await monitor.close();
  const image = `${host.path}/image`;
  writeFileSync(image, Buffer.alloc(1 << 20));
  source = await host.launch({
    memoryArgs: ['-m', '64M'],
    extra: [
      ...['-device', 'virtio-rng-device', '-device', 'virtio-serial-device'],
      ...[
        '-blockdev',
        `driver=file,node-name=disk,filename=${image}`,
        '-device',
        'virtio-blk-device,drive=disk',
      ],
    ],
  });
  monitor = await source.monitor();
  await ticksOn(source);
  await migrate('normal');
  const sections = sectionsOf(await analyze('-d', 'state'));
  for (const name of ['virtio-rng', 'virtio-blk', 'virtio-console']) assert.ok(sections[name], name);
  const description = JSON.parse(await analyze('-d', 'desc')) as { devices: { name: string }[] };
  const described = description.devices.map(({ name }) => name).sort();
  assert.equal(
    Object.keys(sections)
      .filter((name) => name !== 'ram')
      .sort(),
    described,
  );
});

test('cpr-exec: the file that the next program would load', async () => {
  const next = ['/bin/sh', '-c', 'exit 0'];
  await monitor.execute('migrate-set-parameters', { mode: 'cpr-exec', 'cpr-exec-command': next });
  await monitor.execute('migrate', { uri: `file:${state}` });
  assert.is(await source.exitCode(), 0);
  const { cpu, serial, ram: memory } = sectionsOf(await analyze('-d', 'state'));
  assert.match(String(cpu?.pc), /^0x00000000802[0-9a-f]{5}$/, 'in the program of the guest');
  assert.is(serial?.lcr, '0x03');
  assert.equal(memory?.['section sizes'], { ram0: '0x0000000004000000' });
});

test('cpr-transfer: what goes over the main channel', async () => {
  const target = { path: (name: string) => `${host.path}/there/${name}` };
  await mkdir(`${host.path}/there`);
  const cpr = createServer((socket) => socket.resume());
  const main = createServer();
  cpr.listen(target.path('cpr'));
  main.listen(target.path('main'));
  await Promise.all([once(cpr, 'listening'), once(main, 'listening')]);
  const connected = once(main, 'connection') as Promise<[Socket]>;
  await monitor.execute('migrate-set-parameters', { mode: 'cpr-transfer' });
  await monitor.execute('migrate', channelsTo(target));
  const [socket] = await connected;
  await pipeline(socket, createWriteStream(state));
  await monitor.event('MIGRATION', 'completed');
  cpr.close();
  main.close();
  await requireGuest(sectionsOf(await analyze('-d', 'state')));
});

if ('missing' in found) skipSuite('analyze-migration.py of QEMU', found.missing);
else test.run();
