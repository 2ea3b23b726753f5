import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { MigrationInfo, StatusInfo } from '../../vmm/qmp/protocol.js';
import { waitFor } from '../helpers/wait.js';
import type { QmpClient } from './qmp-client.js';
import { lastTick, ticksOn, VmmHost, type VmmProcess } from './vmm-process.js';

const RAM_BYTES = 64 * 2 ** 20;

let host: VmmHost;
let source: VmmProcess;
let monitor: QmpClient;
let state: string;

const test = suite('normal migration and cpr-reboot');

test.before.each(async () => {
  host = await VmmHost.create();
  state = `${host.path}/state`;
});

test.after.each(async () => {
  await monitor.close();
  await host.remove();
});

const PRIVATE_RAM = ['-m', '64M'];

/** RAM in a file of a name, that both processes can map. */
function fileRam(): string[] {
  const backend = `memory-backend-file,id=ram0,size=64M,share=on,mem-path=${host.path}/ram`;
  return ['-m', '64M', '-machine', 'virt,memory-backend=ram0', '-object', backend];
}

async function boot(memoryArgs: readonly string[] = PRIVATE_RAM): Promise<void> {
  source = await host.launch({ memoryArgs });
  monitor = await source.monitor();
  await ticksOn(source);
}

async function ignoreShared(client: QmpClient): Promise<void> {
  await client.execute('migrate-set-capabilities', {
    capabilities: [{ capability: 'x-ignore-shared', state: true }],
  });
}

async function migrate(mode: string, uri: string): Promise<void> {
  await monitor.execute('migrate-set-parameters', { mode });
  await monitor.execute('migrate', { uri });
  await monitor.event('MIGRATION', 'completed');
}

/** A process of the same machine that waits for its state. */
async function waiting(
  memoryArgs: readonly string[],
  incoming = 'defer',
  ...extra: string[]
): Promise<VmmProcess> {
  return host.launch({ memoryArgs, extra: ['-incoming', incoming, ...extra] });
}

async function takeOver(target: VmmProcess, uri: string): Promise<QmpClient> {
  const there = await target.monitor();
  await there.execute('migrate-incoming', { uri });
  await there.event('MIGRATION', 'completed');
  return there;
}

test('cpr-reboot: stopped at once, all in a file, and a new process goes on from there', async () => {
  await boot();
  const { ticks } = await ticksOn(source);
  await migrate('cpr-reboot', `file:${state}`);
  assert.equal(monitor.story(), ['setup', 'STOP', 'active', 'MIGRATION_PASS', 'device', 'completed']);
  const { ram, status, downtime = 0 } = await monitor.execute<MigrationInfo>('query-migrate');
  assert.is(status, 'completed');
  assert.ok(downtime > 0);
  assert.is(ram?.total, RAM_BYTES);
  assert.is(ram?.remaining, 0);
  assert.is((ram?.duplicate ?? 0) + (ram?.normal ?? 0), RAM_BYTES / 4096);
  assert.is(ram?.['normal-bytes'], (ram?.normal ?? 0) * 4096);
  assert.is(ram?.transferred, statSync(state).size);
  assert.ok(statSync(state).size < RAM_BYTES / 2, 'zero pages take little room');
  assert.is((await monitor.execute<StatusInfo>('query-status')).status, 'postmigrate');
  await monitor.execute('quit');
  await source.exitCode();
  const target = await waiting(PRIVATE_RAM);
  const there = await takeOver(target, `file:${state}`);
  assert.equal(there.story(), ['setup', 'active', 'RESUME', 'completed']);
  assert.ok((await ticksOn(target)).ticks > ticks);
  assert.ok((lastTick(target.console())?.ticks ?? 0) < ticks + 5000, 'no boot');
  await there.close();
});

test('cpr-reboot with x-ignore-shared: RAM stays in its file, the state is small', async () => {
  await boot(fileRam());
  await ignoreShared(monitor);
  await migrate('cpr-reboot', `file:${state}`);
  assert.ok(statSync(state).size < 64 * 1024, `${statSync(state).size} bytes`);
  assert.is((await monitor.execute<MigrationInfo>('query-migrate')).ram?.total, 0);
  await source.kill();
  const target = await waiting(fileRam(), `file:${state}`, '-global', 'migration.x-ignore-shared=on');
  await ticksOn(target);
});

test('x-ignore-shared on one side only is refused, in QEMU’s words', async () => {
  await boot(fileRam());
  await ignoreShared(monitor);
  await migrate('cpr-reboot', `file:${state}`);
  const target = await waiting(fileRam());
  const there = await target.monitor();
  await there.execute('migrate-incoming', { uri: `file:${state}`, 'exit-on-error': false });
  await there.event('MIGRATION', 'failed');
  const { 'error-desc': words } = await there.execute<MigrationInfo>('query-migrate');
  assert.match(words ?? '', /Capability x-ignore-shared is off, but received capability is on/);
  await monitor.execute('cont');
  await ticksOn(source);
  await there.close();
});

test('x-ignore-shared leaves private RAM and memfds in the stream', async () => {
  await boot();
  await ignoreShared(monitor);
  await migrate('cpr-reboot', `file:${state}`);
  assert.ok(statSync(state).size > 1024 * 1024);
});

test('normal migration over a unix socket with return-path: completed means loaded', async () => {
  await boot();
  const capabilities = [{ capability: 'return-path', state: true }];
  await monitor.execute('migrate-set-capabilities', { capabilities });
  const target = await host.launch({
    memoryArgs: PRIVATE_RAM,
    extra: ['-incoming', `unix:${host.path}/main`],
  });
  const there = await target.monitor();
  await waitFor(async () => (await there.execute<MigrationInfo>('query-migrate')).status === 'setup', {
    what: 'the target to listen',
  });
  await migrate('normal', `unix:${host.path}/main`);
  assert.equal(monitor.story(), ['setup', 'active', 'STOP', 'MIGRATION_PASS', 'device', 'completed']);
  await there.event('RESUME');
  assert.ok(there.micros('RESUME') <= monitor.micros('MIGRATION', 'completed'));
  await ticksOn(target);
  await there.close();
});

test('normal migration over TCP: any port, told by query-migrate; nobody there is a failed migration', async () => {
  await boot();
  await monitor.execute('migrate', { uri: 'tcp:127.0.0.1:1' });
  await monitor.event('MIGRATION', 'failed');
  const { 'error-desc': words } = await monitor.execute<MigrationInfo>('query-migrate');
  assert.is(words, "Failed to connect to '127.0.0.1:1': Connection refused");
  monitor.forgetEvents();
  const target = await waiting(PRIVATE_RAM, 'tcp:127.0.0.1:0');
  const there = await target.monitor();
  const address = await waitFor(
    async () => (await there.execute<MigrationInfo>('query-migrate'))['socket-address']?.[0],
    { what: 'the target to listen' },
  );
  assert.ok(address.type === 'inet' && Number(address.port) > 0);
  await migrate('normal', `tcp:127.0.0.1:${address.port}`);
  await there.event('RESUME');
  await ticksOn(target);
  await there.close();
});

test('a port that is taken is refused at migrate-incoming, and another can be tried', async () => {
  await boot();
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const target = await waiting(PRIVATE_RAM);
  const there = await target.monitor();
  const refusal = await there.refusal('migrate-incoming', { uri: `tcp:127.0.0.1:${port}` });
  assert.is(refusal, `Failed to listen on '127.0.0.1:${port}': Address already in use`);
  taken.close();
  await there.execute('migrate-incoming', { uri: 'tcp:[::1]:0' });
  await there.close();
});

test('normal migration through a program, whose failure is the migration’s', async () => {
  await boot();
  await migrate('normal', `exec:gzip -1 > ${state}`);
  const target = await waiting(PRIVATE_RAM, `exec:gunzip < ${state}`);
  await ticksOn(target);
  await monitor.execute('cont');
  monitor.forgetEvents();
  await monitor.execute('migrate', { uri: 'exec:head -c 100000 > /dev/null; exit 4' });
  await monitor.event('MIGRATION', 'failed');
  await monitor.event('RESUME');
  const { 'error-desc': words } = await monitor.execute<MigrationInfo>('query-migrate');
  assert.match(words ?? '', /exit code 4/);
  await ticksOn(source);
});

test('a state without all of RAM, cut short or of another size is refused with its place', async () => {
  await boot();
  await migrate('cpr-reboot', `file:${state}`);
  const whole = readFileSync(state);
  for (const [bytes, memoryArgs, words] of [
    [whole.subarray(0, 1000), PRIVATE_RAM, /section 'ram', offset 1000: .*cut short/],
    [whole.subarray(0, whole.length - 10), PRIVATE_RAM, /section 'end', offset \d+: .*cut short/],
    [
      whole,
      ['-m', '32M'],
      /section 'ram', offset \d+: RAM block .* has 67108864 bytes, here it has 33554432/,
    ],
  ] as const) {
    writeFileSync(`${state}.bad`, bytes);
    const target = await host.launch({ memoryArgs, extra: ['-incoming', `file:${state}.bad`] });
    assert.is(await target.exitCode(), 1);
    assert.match(target.stderr, words);
  }
});

test('migrate_cancel while a reader stalls: the guest goes on', async () => {
  await boot();
  monitor.forgetEvents();
  await monitor.execute('migrate', { uri: 'exec:sleep 60' });
  await monitor.event('STOP');
  const { ram } = await monitor.execute<MigrationInfo>('query-migrate');
  assert.ok((ram?.remaining ?? 0) > 0);
  assert.match(await monitor.refusal('migrate-set-parameters', { mode: 'normal' }), /in progress/);
  await monitor.execute('migrate_cancel');
  await monitor.event('MIGRATION', 'cancelled');
  assert.equal(monitor.story(), ['setup', 'active', 'STOP', 'cancelling', 'RESUME', 'cancelled']);
  await ticksOn(source);
});

test.run();
