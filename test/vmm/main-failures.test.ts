import { createConnection, createServer, type Server } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  acceptUnix,
  closeFd,
  connectUnix,
  listenUnix,
  receiveMessage,
  sendMessage,
  shutdownWrite,
} from '../../native/index.js';
import type { MigrationInfo, StatusInfo } from '../../vmm/qmp/protocol.js';
import { waitFor } from '../helpers/wait.js';
import type { QmpClient } from './qmp-client.js';
import { channelsTo, prepareSource, ticksOn, VmmHost, type VmmProcess } from './vmm-process.js';

let host: VmmHost;
let source: VmmProcess;
let monitor: QmpClient;

const test = suite('cpr-transfer that fails');

test.before.each(async () => {
  host = await VmmHost.create();
  source = await host.launch();
  monitor = await source.monitor();
  await ticksOn(source);
  await prepareSource(monitor);
});

test.after.each(async () => {
  await monitor.close();
  await host.remove();
});

async function statusOf(client: QmpClient): Promise<string> {
  return (await client.execute<StatusInfo>('query-status')).status;
}

async function migrationOf(client: QmpClient): Promise<MigrationInfo> {
  return client.execute<MigrationInfo>('query-migrate');
}

async function failedBecause(reason: RegExp): Promise<void> {
  await monitor.event('MIGRATION', 'failed');
  const info = await migrationOf(monitor);
  assert.is(info.status, 'failed');
  assert.match(info['error-desc'] ?? '', reason);
}

/** The next attempt with a good target works: nothing of the failed one is left. */
async function nextAttemptWorks(): Promise<void> {
  monitor.forgetEvents();
  const target = await host.launch({ incoming: 'unix' });
  await target.listening();
  await monitor.execute('migrate', channelsTo(target));
  await monitor.event('MIGRATION', 'completed');
  await ticksOn(target);
}

test('no target at all: error reply, failing, failed, and the guest never stops', async () => {
  const target = { path: (name: string) => `${host.path}/absent-${name}` };
  assert.match(await monitor.refusal('migrate', channelsTo(target)), /Failed to connect to '.*absent-cpr'/);
  assert.equal(monitor.story(), ['setup', 'failing', 'failed']);
  await failedBecause(/No such file or directory/);
  await ticksOn(source);
  await nextAttemptWorks();
});

test('a stale cpr socket is refused in the same way', async () => {
  const target = await host.launch({ incoming: 'defer' });
  await target.listening();
  await target.kill();
  assert.match(await monitor.refusal('migrate', channelsTo(target)), /Connection refused/);
  await failedBecause(/Connection refused/);
  await nextAttemptWorks();
});

test('the target dies while waiting: the source cannot connect, the guest never stops', async () => {
  const target = await host.launch({ incoming: 'defer' });
  await target.listening();
  await monitor.execute('migrate', channelsTo(target));
  await (await target.monitor()).close();
  await target.kill();
  await failedBecause(/Failed to connect to '.*main'/);
  assert.equal(monitor.story(), ['setup', 'failing', 'failed']);
  await ticksOn(source);
  await nextAttemptWorks();
});

test('a target with other memory says so on its stderr and exits, the guest never stops', async () => {
  const cases: [readonly string[], RegExp][] = [
    [ramArgs('other', '64M'), /the source handed over 'ram0', '.*', this machine wants its RAM 'other'$/m],
    [ramArgs('ram0', '128M'), /the RAM descriptor received holds 67108864 bytes, this machine has 134217728/],
    [['-m', '64M', '-machine', 'virt'], /the source handed over 'ram0'/],
  ];
  for (const [args, reason] of cases) {
    monitor.forgetEvents();
    const target = await host.launch({ incoming: 'unix', memoryArgs: args });
    await target.listening();
    await monitor.execute('migrate', channelsTo(target));
    assert.is(await target.exitCode(), 1);
    assert.match(target.stderr, reason);
    await failedBecause(/Failed to connect to '.*main'/);
    assert.is(monitor.findEvent('STOP'), undefined);
  }
  await ticksOn(source);
});

function ramArgs(id: string, size: string): string[] {
  return [
    ...['-m', size, '-machine', `virt,memory-backend=${id},aux-ram-share=on`],
    ...['-object', `memory-backend-memfd,id=${id},size=${size},share=on`],
  ];
}

test('migrate_cancel in setup: cancelled at once, the guest never stops, a new target works', async () => {
  const target = await host.launch({ incoming: 'defer' });
  await target.listening();
  await monitor.execute('migrate', channelsTo(target));
  const there = await target.monitor();
  assert.match(await monitor.refusal('migrate', channelsTo(target)), /migration process in progress/);
  const capabilities = [{ capability: 'events', state: false }];
  assert.match(await monitor.refusal('migrate-set-capabilities', { capabilities }), /in progress/);
  assert.match(await monitor.refusal('migrate-set-parameters', { mode: 'normal' }), /in progress/);
  await monitor.execute('migrate_cancel');
  await monitor.event('MIGRATION', 'cancelled');
  assert.equal(monitor.story(), ['setup', 'cancelling', 'cancelled']);
  assert.is((await migrationOf(monitor)).status, 'cancelled');
  assert.is(await statusOf(there), 'inmigrate');
  await there.execute('quit');
  assert.is(await target.exitCode(), 0);
  await ticksOn(source);
  await nextAttemptWorks();
});

test('a target that hangs with the VM stopped: cancel brings it back, and the target never runs it', async () => {
  const target = await host.launch({ incoming: 'unix' });
  await target.listening();
  const stalled = await stallOnConnect(target);
  await monitor.execute('migrate', channelsTo(target, stalled.path));
  await monitor.event('MIGRATION', 'device');
  assert.is(await statusOf(monitor), 'finish-migrate');
  assert.match(await monitor.refusal('cont'), /not finalized/);
  await monitor.execute('migrate_cancel');
  await monitor.event('MIGRATION', 'cancelled');
  assert.equal(monitor.story().slice(-3), ['cancelling', 'RESUME', 'cancelled']);
  await ticksOn(source);
  stalled.release();
  assert.is(await target.exitCode(), 1);
  assert.match(target.stderr, /load of migration failed/);
  await stalled.close();
  await nextAttemptWorks();
});

test('a target process that is stopped: after cancel it finds the source alive and does not run the VM', async () => {
  const target = await host.launch({ incoming: 'unix' });
  await target.listening();
  const between = await cprProxy(target.path('cpr'), `${host.path}/between`);
  const migrating = monitor.execute('migrate', channelsTo(target, undefined, `${host.path}/between`));
  await between.targetHungUp;
  await migrating;
  target.child.kill('SIGSTOP');
  between.hangUp();
  await monitor.event('MIGRATION', 'device');
  await monitor.execute('migrate_cancel');
  await monitor.event('MIGRATION', 'cancelled');
  await ticksOn(source);
  target.child.kill('SIGCONT');
  assert.is(await target.exitCode(), 1);
  assert.match(target.stderr, /load of migration failed: the source has ended the migration/);
  await ticksOn(source);
});

test('the target is killed in the stream: with return-path the source runs on and says why', async () => {
  const target = await host.launch({ incoming: 'unix' });
  await target.listening();
  const stalled = await stallOnConnect(target);
  await monitor.execute('migrate', channelsTo(target, stalled.path));
  await monitor.event('MIGRATION', 'device');
  await target.kill();
  await stalled.close();
  await failedBecause(/before it confirmed|connection to the target/);
  assert.equal(monitor.story().slice(-3), ['failing', 'RESUME', 'failed']);
  await ticksOn(source);
  await nextAttemptWorks();
});

test('the same without return-path: completed on the source, which runs again at cont', async () => {
  await prepareSource(monitor, false);
  const target = await host.launch({ incoming: 'unix' });
  await target.listening();
  const stalled = await stallOnConnect(target);
  await monitor.execute('migrate', channelsTo(target, stalled.path));
  await monitor.event('MIGRATION', 'completed');
  await target.kill();
  await stalled.close();
  assert.is(await statusOf(monitor), 'postmigrate');
  await monitor.execute('cont');
  await ticksOn(source);
});

test('a stream cut at any place: the target names the place, the source runs on', async () => {
  const lengths = [0, 3, 8, 12, 30, 60, 120, 200, 900, 2000, 4000];
  for (const length of lengths) {
    monitor.forgetEvents();
    const target = await host.launch({ incoming: 'unix' });
    await target.listening();
    const cut = await proxy(target.path('main'), `${host.path}/cut`, (bytes) => bytes.subarray(0, length));
    await monitor.execute('migrate', channelsTo(target, `${host.path}/cut`));
    await failedBecause(/could not load the state|closed the connection/);
    assert.is(await target.exitCode(), 1, `cut after ${length}`);
    assert.match(
      target.stderr,
      /^baton-vmm: load of migration failed: migration stream, section '.+', offset \d+/,
    );
    assert.is(await statusOf(monitor), 'running');
    cut.close();
  }
  await ticksOn(source);
});

test('a stream with a changed byte is refused by section, and the source says what the target said', async () => {
  const target = await host.launch({ incoming: 'defer' });
  await target.listening();
  const changed = await proxy(target.path('main'), `${host.path}/changed`, (bytes) => {
    const at = bytes.indexOf('riscv_sifive_plic');
    bytes[at] = 'R'.charCodeAt(0);
    return bytes;
  });
  await monitor.execute('migrate', channelsTo(target, `${host.path}/changed`));
  const there = await target.monitor();
  await there.execute('migrate-incoming', { uri: `unix:${target.path('main')}`, 'exit-on-error': false });
  await failedBecause(/the target could not load the state: .*Riscv_sifive_plic.*unknown section/);
  await there.event('MIGRATION', 'failed');
  assert.is(await statusOf(there), 'inmigrate');
  assert.match((await migrationOf(there))['error-desc'] ?? '', /Riscv_sifive_plic/);
  const again = await there.refusal('migrate-incoming', { uri: `unix:${target.path('main')}` });
  assert.match(again, /already been started/);
  changed.close();
  await there.close();
  await ticksOn(source);
});

test('rubbish on the main socket ends the target, the source runs on', async () => {
  const target = await host.launch({ incoming: 'defer' });
  await target.listening();
  await monitor.execute('migrate', channelsTo(target, `${host.path}/nowhere`));
  const there = await target.monitor();
  const stranger = listenAndConnect(there, target, 'GET / HTTP/1.1\r\n\r\n');
  await stranger;
  assert.is(await target.exitCode(), 1);
  assert.match(target.stderr, /not a migration stream: expected magic 0x5145564d, got 0x47455420/);
  await failedBecause(/Failed to connect/);
  await ticksOn(source);
});

test('rubbish, half a state and nothing on the cpr socket end the target with a reason', async () => {
  const cases: [Buffer, RegExp][] = [
    [Buffer.from('hello, world'), /no CPR stream: expected magic 0x51435052/],
    [Buffer.alloc(0), /cpr header.*cut short/],
    [Buffer.from('5143505200000001', 'hex'), /cpr descriptors.*cut short/],
    [Buffer.from('514350520000000100', 'hex'), /handed over no descriptor/],
    [Buffer.from('5143505200000001010000000572616d300000000000000', 'hex'), /cut short/],
    [
      Buffer.from('514350520000000101000000057261 6d3000000000000000'.replace(' ', ''), 'hex'),
      /lists 1 .* 0 came/,
    ],
    [Buffer.from('5143505200000002', 'hex'), /expected version 1, got 2/],
    [Buffer.from('514350520000000101ffffffff', 'hex'), /expected a length of 2 to 256/],
  ];
  for (const [bytes, reason] of cases) {
    const target = await host.launch({ incoming: 'unix' });
    await target.listening();
    createConnection(target.path('cpr'))
      .on('error', () => undefined)
      .end(bytes);
    assert.is(await target.exitCode(), 1);
    assert.match(target.stderr, reason);
    assert.is(target.stderr.split('\n').length, 2, 'one line');
  }
});

test('what real QEMU crashes on is refused: uri, the main channel only, doubled channels, other transports', async () => {
  const target = await host.launch({ incoming: 'unix' });
  await target.listening();
  const { channels } = channelsTo(target) as { channels: object[] };
  const [main, cpr] = channels;
  const FD = { transport: 'socket', type: 'fd', str: '3' };
  const FILE = { transport: 'file', filename: '/x', offset: 0 };
  const tries: [object, RegExp][] = [
    [{ uri: `unix:${target.path('main')}` }, /missing 'cpr' migration channel/],
    [{ channels: [main] }, /missing 'cpr' migration channel/],
    [{ channels: [cpr, main, cpr] }, /more than one cpr/],
    [{ channels: [] }, /missing 'cpr'/],
    [{}, /need either 'uri' or 'channels' argument/],
    [{ uri: 'unix:/x', channels }, /need either 'uri' or 'channels' argument/],
    [{ channels: [main, { 'channel-type': 'cpr', addr: FD }] }, /bad cpr channel socket type; must be unix/],
    [{ channels: [cpr, { 'channel-type': 'main', addr: FILE }] }, /requires streamable transport/],
    [{ channels: [{ 'channel-type': 'main', addr: { transport: 'rdma' } }] }, /does not accept value 'rdma'/],
  ];
  for (const [args, reason] of tries) assert.match(await monitor.refusal('migrate', args), reason);
  assert.equal(monitor.story(), [], 'nothing was started');
  await target.kill();
});

test('failed and cancelled attempts leave no descriptor open in the source', async () => {
  const cancelled = async () => {
    monitor.forgetEvents();
    const target = await host.launch({ incoming: 'defer' });
    await target.listening();
    await monitor.execute('migrate', channelsTo(target));
    await monitor.execute('migrate_cancel');
    await monitor.event('MIGRATION', 'cancelled');
    await target.kill();
  };
  // With its first stream libuv opens /dev/null, to have a descriptor to spare.
  await cancelled();
  const before = source.openFiles();
  const absent = { path: (name: string) => `${host.path}/absent-${name}` };
  for (let attempt = 0; attempt < 20; attempt++) await monitor.refusal('migrate', channelsTo(absent));
  for (let attempt = 0; attempt < 3; attempt++) await cancelled();
  await waitFor(() => source.openFiles() === before, { what: `${before} open files again` });
});

test('quit of the source in setup: cancelled, and the target waits on', async () => {
  const target = await host.launch({ incoming: 'defer' });
  await target.listening();
  await monitor.execute('migrate', channelsTo(target));
  const there = await target.monitor();
  await monitor.execute('quit');
  assert.is(await source.exitCode(), 0);
  assert.ok(monitor.story().includes('SHUTDOWN'));
  assert.is(await statusOf(there), 'inmigrate');
  await there.close();
});

test('memory that is not shared blocks the migration before anything happens, in the same words', async () => {
  for (const [machine, share, count] of [
    ['virt,memory-backend=ram0,aux-ram-share=on', 'off', 1],
    ['virt,memory-backend=ram0', 'on', 1],
    ['virt,memory-backend=ram0', 'off', 2],
  ] as const) {
    const object = `memory-backend-memfd,id=ram0,size=64M,share=${share}`;
    const memoryArgs = ['-m', '64M', '-machine', machine, '-object', object];
    const blocked = await host.launch({ memoryArgs });
    const client = await blocked.monitor();
    assert.is((await migrationOf(client))['blocked-reasons'], undefined);
    await client.execute('migrate-set-parameters', { mode: 'cpr-transfer' });
    const reasons = (await migrationOf(client))['blocked-reasons'] ?? [];
    assert.is(reasons.length, count, reasons.join(' | '));
    const target = await host.launch({ incoming: 'unix' });
    assert.is(await client.refusal('migrate', channelsTo(target)), reasons[0]);
    assert.is(await statusOf(client), 'running');
    assert.equal(client.story(), []);
    await client.close();
    await blocked.kill();
    await target.kill();
  }
});

/** A proxy for the main channel that takes the connection and the stream, and passes on when released. */
async function stallOnConnect(
  target: VmmProcess,
): Promise<{ path: string; release(): void; close(): Promise<void> }> {
  const path = `${host.path}/stalled`;
  let release: () => void = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const parts: Buffer[] = [];
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => parts.push(chunk));
    server.once('close', () => socket.destroy());
    released.then(() => {
      const onward = createConnection({ path: target.path('main'), allowHalfOpen: true });
      onward.on('error', () => onward.destroy());
      // The source is gone: what the target gets is what was under way, then a broken connection.
      onward.write(Buffer.concat(parts).subarray(0, -1));
      onward.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return { path, release, close: () => closeServer(server) };
}

/** Stands in for the target's cpr socket and passes the state and its descriptors on; hangs up when told to. */
async function cprProxy(
  to: string,
  path: string,
): Promise<{ readonly targetHungUp: Promise<void>; hangUp(): void }> {
  const listener = listenUnix(path, 1);
  let hangUp: () => void = () => {};
  const targetHungUp = (async () => {
    const fromSource = await waitFor(() => acceptUnix(listener), { what: 'the source on the cpr socket' });
    hangUp = () => closeFd(fromSource);
    closeFd(listener);
    const toTarget = connectUnix(to);
    for (let ended = false; !ended; ) {
      const message = await waitFor(() => receiveMessage(fromSource, 65536, 8), { what: 'CPR state' });
      ended = message.data.length === 0;
      if (!ended) sendMessage(toTarget, message.data, message.fds);
      for (const fd of message.fds) closeFd(fd);
    }
    shutdownWrite(toTarget);
    // It says what machine it is before.
    await waitFor(() => receiveMessage(toTarget, 65536, 0)?.data.length === 0, {
      what: 'the target to hang up',
    });
    closeFd(toTarget);
  })();
  return { targetHungUp, hangUp: () => hangUp() };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.emit('close');
  });
}

/** Passes the whole stream on, changed; what the target answers goes back. */
async function proxy(to: string, path: string, change: (bytes: Buffer) => Buffer): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const parts: Buffer[] = [];
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => parts.push(chunk));
    socket.on('end', () => {
      const onward = createConnection({ path: to, allowHalfOpen: true });
      onward.on('error', () => socket.destroy());
      onward.on('data', (chunk) => socket.write(chunk));
      onward.on('close', () => socket.destroy());
      onward.end(change(Buffer.concat(parts)));
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return server;
}

/** Opens the target's main channel and sends `text` to it before the source can connect. */
async function listenAndConnect(there: QmpClient, target: VmmProcess, text: string): Promise<void> {
  await there.execute('migrate-incoming', { uri: `unix:${target.path('main')}` });
  createConnection(target.path('main'))
    .on('error', () => undefined)
    .write(text);
}

test.run();
