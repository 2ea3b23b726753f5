/** Network devices seen from the monitor: of the real VMM, and of real QEMU with the same line beside it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { closeFd, listenUnix } from '../../native/index.js';
import { findInCache } from '../fetch/cache.js';
import { QmpClient } from './qmp-client.js';
import { VmmHost } from './vmm-process.js';

interface Context {
  host: VmmHost;
  listener: number;
  args: string[];
}

const test = suite<Context>('network devices in the monitor');

test.before.each(async (context) => {
  context.host = await VmmHost.create();
  const socket = `${context.host.path}/socket`;
  context.listener = listenUnix(socket, 4);
  const stream = (id: string, path: string) => `stream,id=${id},server=off,addr.type=unix,addr.path=${path}`;
  context.args = [
    ...['-netdev', stream('n0', socket), '-netdev', stream('n1', '/nonexistent/socket')],
    ...['-netdev', `${stream('n2', '/nonexistent/socket')},reconnect-ms=60000`],
    ...['-device', 'virtio-net-device,netdev=n0,id=nic0'],
    ...['-device', 'virtio-net-device,netdev=n1,mac=02:00:00:00:00:01'],
    ...['-device', 'virtio-net-device'],
  ];
});

test.after.each(async ({ host, listener }) => {
  await host.remove();
  closeFd(listener);
});

/** What is asked of both. */
async function answers(monitor: QmpClient): Promise<unknown[]> {
  const info = () => monitor.execute('human-monitor-command', { 'command-line': 'info network' });
  return [
    await info(),
    await monitor.ask('query-rx-filter', { name: 'nic0' }),
    await monitor.ask('query-rx-filter', { name: 'n0' }),
    await monitor.ask('query-rx-filter', { name: 'nobody' }),
    (await monitor.execute<{ name: string }[]>('query-rx-filter')).map(({ name }) => name),
    await monitor.ask('set_link', { name: 'nic0', up: false }),
    await monitor.ask('set_link', { name: 'n1', up: false }),
    await monitor.ask('set_link', { name: 'n2', up: true }),
    await monitor.ask('set_link', { name: 'nobody', up: true }),
    await monitor.execute('human-monitor-command', { 'command-line': 'set_link nobody on' }),
    await info(),
  ];
}

async function ofBaton({ host, args }: Context): Promise<unknown[]> {
  const vmm = await host.launch({ extra: args, stopped: true });
  const monitor = await vmm.monitor();
  const found = await answers(monitor);
  await monitor.close();
  return found;
}

test('they are shown, and links go down and up', async (context) => {
  const found = await ofBaton(context);
  assert.match(String(found[0]), /^n2: index=0,type=stream,connecting\r\nnic0: .*\r\n \\ n0: .*unix:/);
  assert.match(JSON.stringify(found[8]), /DeviceNotFound.*Device 'nobody' not found/);
});

test('what cannot be opened ends the process with its name', async (context) => {
  for (const [extra, words] of [
    [['-device', 'virtio-net-device,netdev=none'], /can't find value 'none'/],
    [['-device', 'virtio-net-device,netdev=n0'], /can't take value 'n0', it's in use/],
    [['-device', 'virtio-net-device,mac=12'], /doesn't take value '12'/],
    [['-netdev', 'tap,id=t0,ifname=absent0,script=no'], /netdev 't0': .*absent0/],
  ] as const) {
    const vmm = await context.host.launch({ extra: [...context.args, ...extra] });
    assert.is(await vmm.exitCode(), 1);
    assert.match(vmm.stderr, words);
  }
});

const qemu = findInCache().qemu('11.1', 'riscv64');
if ('missing' in qemu) {
  console.log(`beside QEMU: skipped, ${qemu.missing}`);
} else {
  test('all of it is what QEMU 11.1 says', async (context) => {
    const qmp = `${context.host.path}/qemu-qmp`;
    const [file = '', ...prefix] = qemu.argvPrefix;
    const board = ['-M', 'virt', '-nodefaults', '-display', 'none', '-S', '-qmp', `unix:${qmp},server=on`];
    const global = ['-global', 'virtio-mmio.force-legacy=false'];
    const child = spawn(file, [...prefix, ...board, ...global, ...context.args], { stdio: 'ignore' });
    try {
      const monitor = await QmpClient.ready(qmp);
      const theirs = await answers(monitor);
      await monitor.close();
      const ours = await ofBaton(context);
      for (const [index, answer] of theirs.entries()) {
        assert.is(comparable(ours[index]), comparable(answer));
      }
    } finally {
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    }
  });
}

/** QEMU says of broadcasts the opposite of what it does with them. */
function comparable(answer: unknown): string {
  return JSON.stringify(sorted(answer)).replace(/"broadcast-allowed":\w+/, '');
}

/** Members of objects have no order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, member]) => [key, sorted(member)]));
}

test.run();
