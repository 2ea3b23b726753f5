import { existsSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { MigrationInfo, StatusInfo } from '../../vmm/qmp/protocol.js';
import { waitFor } from '../helpers/wait.js';
import type { QmpClient } from './qmp-client.js';
import { channelsTo, prepareSource, ticksOn, VmmHost, type VmmProcess } from './vmm-process.js';

let host: VmmHost;
let source: VmmProcess;
let monitor: QmpClient;

const test = suite('cpr-transfer in two steps, and in the words of its first series');

test.before.each(async () => {
  host = await VmmHost.create();
  source = await host.launch();
  monitor = await source.monitor();
  await ticksOn(source);
});

test.after.each(async () => {
  await monitor.close();
  await host.remove();
});

const unix = (path: string) => ({ transport: 'socket', type: 'unix', path });
const cprTo = (target: VmmProcess) => ({
  channels: [{ 'channel-type': 'cpr', addr: unix(target.path('cpr')) }],
});

async function statusOf(client: QmpClient): Promise<string | undefined> {
  return (await client.execute<MigrationInfo>('query-migrate')).status;
}

test('descriptors first: the guest runs in setup-cpr, the target takes commands, resume does the rest', async () => {
  await prepareSource(monitor, false);
  const target = await host.launch({ incoming: 'defer' });
  await target.listening();
  await monitor.execute('migrate', cprTo(target));
  const there = await target.monitor();
  assert.is(await statusOf(monitor), 'setup-cpr');
  await ticksOn(source);
  for (const client of [monitor, there]) {
    const capabilities = [{ capability: 'return-path', state: true }];
    await client.execute('migrate-set-capabilities', { capabilities });
  }
  const uri = `unix:${target.path('main')}`;
  assert.match(await monitor.refusal('migrate', { uri }), /in progress/);
  await there.execute('migrate-incoming', { uri });
  await ticksOn(source);
  assert.is(await statusOf(monitor), 'setup-cpr', 'a target that listens starts nothing');
  await monitor.execute('migrate', { resume: true, uri });
  await monitor.event('MIGRATION', 'completed');
  assert.equal(monitor.story(), [
    ...['setup', 'setup-cpr', 'STOP', 'active', 'MIGRATION_PASS', 'device', 'completed'],
  ]);
  await ticksOn(target);
  await there.close();
});

test('migrate_cancel in setup-cpr: the guest never stopped, and another target can take it', async () => {
  await prepareSource(monitor);
  const first = await host.launch({ incoming: 'defer' });
  await first.listening();
  await monitor.execute('migrate', cprTo(first));
  await monitor.execute('migrate_cancel');
  await monitor.event('MIGRATION', 'cancelled');
  assert.equal(monitor.story(), ['setup', 'setup-cpr', 'cancelling', 'cancelled']);
  await first.kill();
  const second = await host.launch({ incoming: 'unix' });
  await second.listening();
  await monitor.execute('migrate', channelsTo(second));
  await ticksOn(second);
});

test('resume to a target that has gone is a failed migration, resume of nothing is refused', async () => {
  await prepareSource(monitor);
  const resume = { resume: true, uri: `unix:${host.path}/absent` };
  assert.is(await monitor.refusal('migrate', resume), 'Cannot resume if there is no paused migration');
  const target = await host.launch({ incoming: 'defer' });
  await target.listening();
  await monitor.execute('migrate', cprTo(target));
  assert.match(await monitor.refusal('migrate', { ...cprTo(target), resume: true }), /used already/);
  await target.kill();
  await monitor.execute('migrate', resume);
  await monitor.event('MIGRATION', 'failed');
  assert.is(monitor.findEvent('STOP'), undefined);
  await ticksOn(source);
});

test('a target of another machine is noticed by the handshake, before anything stops', async () => {
  await prepareSource(monitor);
  const memoryArgs = [
    ...['-m', '32M', '-machine', 'virt,memory-backend=ram0,aux-ram-share=on'],
    ...['-object', 'memory-backend-memfd,id=ram0,size=32M,share=on'],
  ];
  const target = await host.launch({ incoming: 'defer', memoryArgs });
  await target.listening();
  await monitor.execute('migrate', cprTo(target));
  await monitor.event('MIGRATION', 'failed');
  const { 'error-desc': words } = await monitor.execute<MigrationInfo>('query-migrate');
  assert.match(words ?? '', /the target \(baton-vmm .*\) has 33554432 bytes of RAM, here it has 67108864/);
  assert.equal(monitor.story(), ['setup', 'setup-cpr', 'failing', 'failed']);
  await ticksOn(source);
});

test('a target that speaks no handshake is given the VM, one that speaks nonsense is not', async () => {
  await prepareSource(monitor);
  const path = `${host.path}/stranger`;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.resume().end('HTTP/1.1 400 Bad Request\r\n');
  }).listen(path);
  await waitFor(() => server.listening, { what: 'the stranger' });
  await monitor.execute('migrate', { channels: [{ 'channel-type': 'cpr', addr: unix(path) }] });
  await monitor.event('MIGRATION', 'failed');
  const { 'error-desc': words } = await monitor.execute<MigrationInfo>('query-migrate');
  assert.match(words ?? '', /that is no handshake/);
  server.close();
  await ticksOn(source);
});

test('-cpr-uri, parameter cpr-uri and anon-alloc=memfd do what channels and aux-ram-share=on do', async () => {
  const memoryArgs = ['-m', '64M', '-machine', 'virt,anon-alloc=memfd'];
  const folder = host.path;
  let current = await host.launch({ memoryArgs });
  let client = await current.monitor();
  await ticksOn(current);
  for (const incoming of [`unix:${folder}/vm.sock`, 'defer']) {
    const extra = ['-incoming', incoming, '-cpr-uri', `unix:${folder}/cpr.sock`];
    const next = await host.launch({ memoryArgs, extra });
    await waitFor(() => existsSync(`${folder}/cpr.sock`), { what: 'the cpr socket' });
    const say = (line: string) => client.execute<string>('human-monitor-command', { 'command-line': line });
    assert.is(await say('migrate_set_parameter mode cpr-transfer'), '');
    assert.is(await say(`migrate_set_parameter cpr-uri unix:${folder}/cpr.sock`), '');
    assert.is(await say(`migrate -d unix:${folder}/vm.sock`), '');
    const there = await next.monitor();
    if (incoming === 'defer') await there.execute('migrate-incoming', { uri: `unix:${folder}/vm.sock` });
    await there.event('RESUME');
    await client.event('MIGRATION', 'completed');
    assert.is(await say('info status'), 'VM status: paused (postmigrate)\r\n');
    assert.is((await there.execute<StatusInfo>('query-status')).status, 'running');
    await ticksOn(next);
    await client.close();
    await current.kill();
    [current, client] = [next, there];
  }
  await client.close();
});

test('a stranger on the cpr socket of a waiting target gets nothing', async () => {
  const target = await host.launch({ incoming: 'defer' });
  await target.listening();
  const stranger = createConnection(target.path('cpr'));
  let heard = 0;
  stranger.on('data', (chunk) => {
    heard += chunk.length;
  });
  stranger.end('nonsense that is no CPR state');
  assert.is(await target.exitCode(), 1);
  assert.match(target.stderr, /no CPR stream/);
  assert.is(heard, 0);
});

test.run();
