import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { waitFor } from '../helpers/wait.js';
import { ticksOn, VmmHost } from './vmm-process.js';

let host: VmmHost;

const test = suite('baton-vmm process');

test.before.each(async () => {
  host = await VmmHost.create();
});

test.after.each(async () => {
  await host.remove();
});

test('a mistake on the command line is one line that names the option, and exit code 1', async () => {
  const cases: [readonly string[], RegExp][] = [
    [['-nonsense'], /^baton-vmm: -nonsense: .+\n$/],
    [['-kernel', host.kernel, '-m', '0'], /^baton-vmm: -m: .+\n$/],
    [['-kernel', '/nowhere', '-display', 'none', '-serial', 'null'], /^baton-vmm: .*nowhere.*\n$/],
    [
      ['-kernel', host.kernel, '-incoming', 'rdma:0:1', '-serial', 'null'],
      /^baton-vmm: -incoming: migration protocol.*\n$/,
    ],
    [
      ['-kernel', host.kernel, '-serial', 'null', '-qmp', 'unix:/nowhere/x,server=on,wait=off'],
      /^baton-vmm: .*nowhere/,
    ],
    [
      ['-kernel', host.kernel, '-serial', 'null', '-pidfile', '/nowhere/x'],
      /^baton-vmm: -pidfile: cannot open/,
    ],
  ];
  for (const [args, expected] of cases) {
    const vmm = host.launchWith(args);
    assert.is(await vmm.exitCode(), 1, args.join(' '));
    assert.match(vmm.stderr, expected);
  }
});

test('a kernel that is no kernel is refused, and no socket stays', async () => {
  const kernel = `${host.path}/text`;
  writeFileSync(kernel, '');
  const vmm = await host.launch({ extra: ['-kernel', kernel] });
  assert.is(await vmm.exitCode(), 1);
  assert.match(vmm.stderr, /^baton-vmm: .+\n$/);
  assert.equal(host.leftSockets(), []);
});

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  test(`${signal}: SHUTDOWN, exit code 0, nothing left`, async () => {
    const vmm = await host.launch();
    const monitor = await vmm.monitor();
    await ticksOn(vmm, 1);
    vmm.child.kill(signal);
    const { data } = await monitor.event('SHUTDOWN');
    assert.equal(data, { guest: false, reason: 'host-signal' });
    assert.is(await vmm.exitCode(), 0);
    assert.is(vmm.stderr, '');
    assert.equal(host.leftSockets(), []);
    await waitFor(() => monitor.isClosed, { what: 'the monitor to close' });
  });
}

test('a signal to a target that still waits for its source ends it too', async () => {
  const vmm = await host.launch({ incoming: 'defer' });
  await vmm.listening();
  assert.not.ok(existsSync(vmm.path('qmp')), 'no monitor before the source has come');
  vmm.child.kill('SIGTERM');
  assert.is(await vmm.exitCode(), 0);
  assert.equal(host.leftSockets(), []);
});

test('with thread=multi the machine has a thread of its own, and goes on without one after cpr-exec', async () => {
  const extra = ['-accel', 'tcg,thread=multi'];
  const vmm = await host.launch({ extra });
  const monitor = await vmm.monitor();
  await ticksOn(vmm);
  await monitor.execute('stop');
  await monitor.execute('cont');
  const before = await ticksOn(vmm);
  const state = `${host.path}/state`;
  const words = readFileSync(`/proc/${vmm.pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  const command = [...words.filter((word) => !extra.includes(word)), '-incoming', `file:${state}`];
  await monitor.execute('migrate-set-parameters', { mode: 'cpr-exec', 'cpr-exec-command': command });
  await monitor.execute('migrate', { uri: `file:${state}` });
  await waitFor(() => monitor.isClosed, { what: 'the end of the old monitor' });
  assert.ok((await ticksOn(vmm)).ticks > before.ticks);
  assert.is(vmm.stderr, '');
});

test('a client that asks thousands of things at once leaves the guest its time', async () => {
  const vmm = await host.launch();
  await ticksOn(vmm);
  const client = connect(vmm.path('qmp'));
  let answers = 0;
  client.on('data', (chunk: Buffer) => {
    answers += chunk.toString('latin1').split('"running"').length - 1;
  });
  client.write(`{"execute":"qmp_capabilities"}${'{"execute":"query-status"}'.repeat(30_000)}`);
  await waitFor(() => answers > 0, { what: 'the first answer' });
  await ticksOn(vmm, 200);
  assert.ok(answers < 30_000, 'the guest ran before all was answered');
  client.destroy();
});

test('a machine without a monitor keeps its process going, running or stopped', async () => {
  const args = ['-m', '32M', '-kernel', host.kernel, '-nodefaults', '-display', 'none'];
  const console = `${host.path}/console`;
  const stopped = host.launchWith([...args, '-S', '-serial', 'null', '-pidfile', `${host.path}/pid`]);
  await waitFor(() => existsSync(`${host.path}/pid`), { what: 'the pidfile' });
  const running = host.launchWith([...args, '-serial', `file:${console}`]);
  await waitFor(() => running.console().some((line) => line.startsWith('ticker: ticks=')), {
    what: 'the guest to tick',
  });
  assert.equal([running.ended, stopped.ended], [null, null]);
});

test('the pidfile holds the number, keeps others out, and goes with the process', async () => {
  const path = `${host.path}/pid`;
  const vmm = await host.launch({ extra: ['-pidfile', path] });
  const monitor = await vmm.monitor();
  assert.is(readFileSync(path, 'utf8'), `${vmm.pid}\n`);
  const second = await host.launch({ extra: ['-pidfile', path] });
  assert.is(await second.exitCode(), 1);
  assert.match(second.stderr, /-pidfile: .* is locked by a running process/);
  assert.is(readFileSync(path, 'utf8'), `${vmm.pid}\n`);
  await monitor.execute('quit');
  assert.is(await vmm.exitCode(), 0);
  assert.not.ok(existsSync(path));
});

test('with -S nothing runs until cont; stop and cont keep the guest whole', async () => {
  const vmm = await host.launch({ stopped: true });
  const monitor = await vmm.monitor();
  assert.equal(await monitor.execute('query-status'), { status: 'prelaunch', running: false });
  assert.equal(vmm.console(), []);
  await monitor.execute('cont');
  await ticksOn(vmm, 100);
  await monitor.execute('stop');
  const lines = vmm.console().length;
  assert.equal(await monitor.execute('query-status'), { status: 'paused', running: false });
  assert.is(vmm.console().length, lines);
  await monitor.execute('cont');
  await ticksOn(vmm, 200);
});

test('system_reset boots the guest again', async () => {
  const vmm = await host.launch();
  const monitor = await vmm.monitor();
  await ticksOn(vmm, 100);
  await monitor.execute('system_reset');
  assert.equal((await monitor.event('RESET')).data, { guest: false, reason: 'host-qmp-system-reset' });
  const starts = () => vmm.console().filter((line) => line.startsWith('ticker: start')).length;
  await waitFor(() => starts() === 2, { what: 'a second start' });
  await ticksOn(vmm, 1);
});

test('a client that floods the monitor or leaves in the middle does not disturb the guest', async () => {
  const vmm = await host.launch();
  for (let round = 0; round < 5; round++) {
    const monitor = await vmm.monitor();
    monitor.sendText('{"execute":"query-commands"}'.repeat(2000));
    monitor.sendText('{"execute": "query-st');
    await monitor.close();
  }
  const monitor = await vmm.monitor();
  assert.equal(await monitor.execute('query-status'), { status: 'running', running: true });
  await ticksOn(vmm, 100);
});

test('-version and -help print and end', async () => {
  for (const action of ['-version', '-help']) {
    const vmm = host.launchWith([action]);
    assert.is(await vmm.exitCode(), 0);
    assert.is(vmm.stderr, '');
  }
});

test.run();
