/** Migration parameter `local`: where it is taken and refused, and what a target does with what does not fit. */
import { openSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { closeFd, connectUnix, listenUnix, sendMessage } from '../../native/index.js';
import { encodeHead, encodeTail } from '../../vmm/migration/encode-stream.js';
import type { MigrationInfo } from '../../vmm/qmp/protocol.js';
import { waitFor } from '../helpers/wait.js';
import type { QmpClient } from './qmp-client.js';
import { ticksOn, VmmHost, type VmmProcess } from './vmm-process.js';

interface Context {
  host: VmmHost;
  listener: number;
  netdev: string[];
  memoryArgs: string[];
  source: VmmProcess;
  monitor: QmpClient;
}

const test = suite<Context>('migration parameter local');

test.before.each(async (context) => {
  context.host = await VmmHost.create();
  const socket = `${context.host.path}/network`;
  context.listener = listenUnix(socket, 4);
  context.netdev = [
    ...['-netdev', `stream,id=n0,server=off,addr.type=unix,addr.path=${socket}`],
    ...['-device', 'virtio-net-device,netdev=n0'],
  ];
  context.memoryArgs = [
    ...['-m', '64M', '-machine', 'virt,memory-backend=ram0,aux-ram-share=on'],
    ...['-object', `memory-backend-file,id=ram0,size=64M,share=on,mem-path=${context.host.path}/ram`],
  ];
  context.source = await context.host.launch({ memoryArgs: context.memoryArgs, extra: context.netdev });
  context.monitor = await context.source.monitor();
  await ticksOn(context.source);
});

test.after.each(async ({ host, listener, monitor }) => {
  await monitor.close();
  await host.remove();
  closeFd(listener);
});

async function setLocal(monitor: QmpClient, mode = 'normal'): Promise<void> {
  await monitor.execute('migrate-set-parameters', { local: true, mode });
  await monitor.execute('migrate-set-capabilities', {
    capabilities: [{ capability: 'x-ignore-shared', state: true }],
  });
}

async function waitingTarget({ host, memoryArgs, netdev }: Context) {
  const target = await host.launch({ memoryArgs, extra: [...netdev, '-incoming', 'defer'] });
  const there = await target.monitor();
  await setLocal(there);
  return { target, there, uri: `unix:${target.path('main')}` };
}

test('is shown and set in both monitors', async ({ monitor }) => {
  const shown = () => monitor.execute<{ local: boolean }>('query-migrate-parameters');
  const human = (line: string) => monitor.execute('human-monitor-command', { 'command-line': line });
  assert.is((await shown()).local, false);
  assert.is(await human('migrate_set_parameter local on'), '');
  assert.is((await shown()).local, true);
  assert.match(String(await human('info migrate_parameters')), /^local: on\r$/m);
});

test('is refused where descriptors cannot go, and the guest has not stopped', async (context) => {
  const { monitor, source } = context;
  await setLocal(monitor);
  for (const uri of ['tcp:127.0.0.1:1', `file:${context.host.path}/state`, 'exec:cat']) {
    const answer = JSON.stringify(await monitor.ask('migrate', { uri }));
    assert.match(answer, /the main channel must be a unix socket/);
  }
  for (const mode of ['cpr-exec', 'cpr-reboot']) {
    await monitor.execute('migrate-set-parameters', { mode, 'cpr-exec-command': ['/bin/true'] });
    const { 'blocked-reasons': reasons } = await monitor.execute<MigrationInfo>('query-migrate');
    assert.match(JSON.stringify(reasons), new RegExp(`'local' goes with .*, not with ${mode}`));
    assert.match(JSON.stringify(await monitor.ask('migrate', { uri: 'unix:/nowhere' })), /'local' goes/);
  }
  await ticksOn(source);
  const { there } = await waitingTarget(context);
  const refused = JSON.stringify(await there.ask('migrate-incoming', { uri: 'tcp:127.0.0.1:0' }));
  assert.match(refused, /the main channel must be a unix socket/);
  await there.close();
});

test('takes the connection along in mode normal: the peer sees one', async (context) => {
  const { monitor, source } = context;
  await setLocal(monitor);
  const { target, there, uri } = await waitingTarget(context);
  const info = () => there.execute('human-monitor-command', { 'command-line': 'info network' });
  assert.match(String(await info()), /waiting for the guest/);
  await there.execute('migrate-incoming', { uri });
  await monitor.execute('migrate', { uri });
  await there.event('MIGRATION', 'completed');
  assert.match(String(await info()), /n0: index=0,type=stream,unix:/);
  await source.kill();
  await ticksOn(target);
  await there.close();
});

test('a target without it refuses the stream by its section, and the guest goes on', async (context) => {
  const { monitor, source } = context;
  await setLocal(monitor);
  await monitor.execute('migrate-set-capabilities', {
    capabilities: [{ capability: 'return-path', state: true }],
  });
  const { there, uri } = await waitingTarget(context);
  await there.execute('migrate-set-parameters', { local: false });
  await there.execute('migrate-incoming', { uri, 'exit-on-error': false });
  await monitor.execute('migrate', { uri });
  await monitor.event('MIGRATION', 'failed');
  const { 'error-desc': words } = await monitor.execute<MigrationInfo>('query-migrate');
  assert.match(words ?? '', /'local-descriptors'.*parameter local is off here, and on at the source/);
  await ticksOn(source);
  await there.close();
});

test('what is not what it is called, or is called what nobody waits for, is closed', async (context) => {
  const subject = {
    ...{ machineType: 'virt', ram: { name: 'ram0', sizeBytes: 64 * 2 ** 20 } },
    ...{ ignoreShared: true, local: true },
  };
  for (const [names, copies, words] of [
    [['netdev/n0'], 2, /'local-descriptors'.*lists 1 descriptors, 2 came/],
    [
      ['netdev/n0', 'netdev/n1'],
      2,
      /'local-descriptors': netdev 'n0': what the source handed over is no socket/,
    ],
    [['netdev/n1'], 1, /'local-descriptors': nothing here waits for 'netdev\/n1'/],
    [[], 0, /section 'timer'/],
  ] as const) {
    const { target, there, uri } = await waitingTarget(context);
    await there.execute('migrate-incoming', { uri, 'exit-on-error': false });
    const before = target.openFiles();
    const entries = names.map((name) => ({ name, id: 0 }));
    const saved = { sections: new Uint8Array(), description: ['{}'] };
    const stream = Buffer.concat([
      encodeHead(subject, false),
      encodeTail(subject, 'running', saved, entries),
    ]);
    const [source, null_] = [connectUnix(target.path('main')), openSync('/dev/null', 'r')];
    assert.is(sendMessage(source, stream, Array<number>(copies).fill(null_)), stream.length);
    closeFd(null_);
    closeFd(source);
    await there.event('MIGRATION', 'failed');
    const { 'error-desc': got } = await there.execute<MigrationInfo>('query-migrate');
    assert.match(got ?? '', words);
    await waitFor(() => target.openFiles() < before, { what: 'the listener and all that came to be closed' });
    await there.close();
    await target.kill();
  }
});

test.run();
