import { rmSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { MigrationInfo, StatusInfo } from '../../vmm/qmp/protocol.js';
import type { QmpClient } from './qmp-client.js';
import { channelsTo, prepareSource, ticksOn, VmmHost, type VmmProcess } from './vmm-process.js';

let host: VmmHost;
let source: VmmProcess;
let monitor: QmpClient;

const test = suite('cpr-transfer between two processes');

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

test('the guest goes on in the target, and events come in the order of QEMU 11.1', async () => {
  await prepareSource(monitor);
  const target = await host.launch({ incoming: 'unix' });
  await target.listening();
  assert.equal(await monitor.execute('migrate', channelsTo(target)), {});
  const there = await target.monitor();
  await monitor.event('MIGRATION', 'completed');
  await there.event('MIGRATION', 'completed');
  assert.equal(monitor.story(), ['setup', 'STOP', 'active', 'MIGRATION_PASS', 'device', 'completed']);
  assert.equal(there.story().slice(-2), ['RESUME', 'completed']);
  assert.ok(monitor.micros('STOP') < there.micros('RESUME'), 'STOP is before RESUME');
  assert.ok(there.micros('RESUME') <= monitor.micros('MIGRATION', 'completed'), 'completed means loaded');
  const status = await monitor.execute<StatusInfo>('query-status');
  assert.equal(status, { status: 'postmigrate', running: false });
  assert.equal(await there.execute('query-status'), { status: 'running', running: true });
  const info = await monitor.execute<MigrationInfo>('query-migrate');
  assert.is(info.status, 'completed');
  assert.ok((info.downtime ?? 1000) < 500 && (info['total-time'] ?? 0) >= (info.downtime ?? 0));
  await monitor.execute('quit');
  assert.is(await source.exitCode(), 0);
  await ticksOn(target, 300);
  assert.equal(host.leftSockets(), ['qmp']);
  await there.close();
});

test('the first line of the guest in the target tells of a gap that fits the pause', async () => {
  await prepareSource(monitor);
  const target = await host.launch({ incoming: 'unix' });
  await target.listening();
  await monitor.execute('migrate', channelsTo(target));
  const there = await target.monitor();
  await there.event('RESUME');
  const pauseMicros = there.micros('RESUME') - monitor.micros('STOP');
  const line = await ticksOn(target, 1);
  assert.ok(line.gapMicros >= pauseMicros, `gap ${line.gapMicros} µs, pause ${pauseMicros} µs`);
  assert.ok(line.gapMicros < pauseMicros + 100_000, `gap ${line.gapMicros} µs, pause ${pauseMicros} µs`);
  await there.close();
});

test('a target with -S loads, stays paused and runs at cont', async () => {
  await prepareSource(monitor);
  const target = await host.launch({ incoming: 'unix', stopped: true });
  await target.listening();
  await monitor.execute('migrate', channelsTo(target));
  const there = await target.monitor();
  await monitor.event('MIGRATION', 'completed');
  await there.event('MIGRATION', 'completed');
  assert.equal(await there.execute('query-status'), { status: 'paused', running: false });
  assert.is(there.findEvent('RESUME'), undefined);
  await there.execute('cont');
  await there.event('RESUME');
  await ticksOn(target);
  await there.close();
});

test('with -incoming defer the source waits in setup, running, until migrate-incoming', async () => {
  await prepareSource(monitor);
  const target = await host.launch({ incoming: 'defer' });
  await target.listening();
  await monitor.execute('migrate', channelsTo(target));
  const there = await target.monitor();
  assert.equal(await there.execute('query-status'), { status: 'inmigrate', running: false });
  assert.equal(await there.execute('query-migrate'), {});
  assert.is((await monitor.execute<MigrationInfo>('query-migrate')).status, 'setup');
  await ticksOn(source);
  assert.match(await there.refusal('migrate', channelsTo(target)), /waiting for an incoming migration/);
  assert.match(await there.refusal('system_reset'), /not possible in run state 'inmigrate'/);
  const uri = `unix:${target.path('main')}`;
  assert.equal(await there.execute('migrate-incoming', { uri, 'exit-on-error': false }), {});
  await there.event('RESUME');
  await monitor.event('MIGRATION', 'completed');
  await there.event('MIGRATION', 'completed');
  assert.equal(there.story(), ['setup', 'active', 'RESUME', 'completed']);
  await ticksOn(target);
  assert.match(await there.refusal('migrate-incoming', { uri }), /already been started/);
  await there.close();
});

test('a paused source ends in a paused target, a cont before the load in a running one', async () => {
  await prepareSource(monitor);
  await monitor.execute('stop');
  const target = await host.launch({ incoming: 'defer' });
  await target.listening();
  await monitor.execute('migrate', channelsTo(target));
  const there = await target.monitor();
  await there.execute('migrate-incoming', { uri: `unix:${target.path('main')}` });
  await there.event('MIGRATION', 'completed');
  await monitor.event('MIGRATION', 'completed');
  assert.equal(await there.execute('query-status'), { status: 'paused', running: false });
  assert.is(monitor.events.filter(({ event }) => event === 'STOP').length, 1, 'STOP only for the stop');
  await there.execute('cont');
  await ticksOn(target);
  await there.close();
});

test('stop and cont on a waiting target decide what happens after the load', async () => {
  await prepareSource(monitor);
  const target = await host.launch({ incoming: 'defer', stopped: true });
  await target.listening();
  await monitor.execute('migrate', channelsTo(target));
  const there = await target.monitor();
  await there.execute('stop');
  await there.execute('cont');
  await there.execute('migrate-incoming', { uri: `unix:${target.path('main')}` });
  await there.event('RESUME');
  await ticksOn(target);
  await there.close();
});

test('without return-path completed comes when all bytes are written', async () => {
  await prepareSource(monitor, false);
  const target = await host.launch({ incoming: 'unix' });
  await target.listening();
  await monitor.execute('migrate', channelsTo(target));
  await monitor.event('MIGRATION', 'completed');
  await ticksOn(target, 200);
});

test('a source in postmigrate refuses migrate and reset, and runs again at cont', async () => {
  await prepareSource(monitor);
  const target = await host.launch({ incoming: 'unix', stopped: true });
  await target.listening();
  await monitor.execute('migrate', channelsTo(target));
  await monitor.event('MIGRATION', 'completed');
  assert.match(await monitor.refusal('migrate', channelsTo(target)), /paused due to previous migration/);
  assert.match(await monitor.refusal('system_reset'), /not possible in run state 'postmigrate'/);
  await target.kill();
  await monitor.execute('cont');
  await ticksOn(source);
  const next = await host.launch({ incoming: 'unix' });
  await next.listening();
  await monitor.execute('migrate', channelsTo(next));
  await ticksOn(next);
});

test('twenty hand-overs in a row: ticks and memory go on, nothing leaks', async () => {
  const files: number[] = [];
  let current = source;
  let client = monitor;
  for (let generation = 1; generation <= 20; generation++) {
    await prepareSource(client);
    const target = await host.launch({ incoming: 'unix' });
    await target.listening();
    await client.execute('migrate', channelsTo(target));
    const there = await target.monitor();
    await client.event('MIGRATION', 'completed');
    await there.event('RESUME');
    await client.execute('quit');
    assert.is(await current.exitCode(), 0);
    assert.is(current.stderr, '');
    await client.close();
    await ticksOn(target, 1);
    files.push(target.openFiles());
    current = target;
    client = there;
    rmSync(source.path('console'), { force: true });
  }
  await client.close();
  assert.is(files.at(-1), files[0], `open files per generation: ${files.join(' ')}`);
  const line = await ticksOn(current, 100);
  assert.is(line.pattern, 'ok');
});

test.run();
