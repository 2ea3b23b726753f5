import { chmodSync, existsSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { MigrationInfo, StatusInfo } from '../../vmm/qmp/protocol.js';
import { waitFor } from '../helpers/wait.js';
import { QmpClient } from './qmp-client.js';
import { lastTick, type TickerLine, ticksOn, VmmHost, type VmmProcess } from './vmm-process.js';

let host: VmmHost;
let vmm: VmmProcess;
let monitor: QmpClient;
let state: string;

const test = suite('cpr-exec');

test.before.each(async () => {
  host = await VmmHost.create();
  vmm = await host.launch();
  state = `${host.path}/state`;
  monitor = await vmm.monitor();
  await monitor.execute('migrate-set-parameters', { mode: 'cpr-exec' });
  await ticksOn(vmm);
});

test.after.each(async () => {
  await monitor.close();
  await host.remove();
});

/** The command line that the process was started with, and more. */
function commandOf(process: VmmProcess, ...more: string[]): string[] {
  return [...readFileSync(`/proc/${process.pid}/cmdline`, 'utf8').split('\0').slice(0, -1), ...more];
}

async function migrateTo(
  command: readonly string[],
  channel: object = { uri: `file:${state}` },
): Promise<void> {
  await monitor.execute('migrate-set-parameters', { 'cpr-exec-command': command });
  await monitor.execute('migrate', channel);
}

/** Connects again after the program has changed. */
async function nextMonitor(): Promise<QmpClient> {
  await waitFor(() => monitor.isClosed, { what: 'the end of the old monitor' });
  for (;;) {
    const next = await QmpClient.open(vmm.path('qmp'));
    const greeting = await waitFor(() => next.greeting ?? next.isClosed, {
      what: 'a greeting, or a refusal',
    });
    if (greeting === true) continue;
    await next.execute('qmp_capabilities');
    return next;
  }
}

async function runs(client: QmpClient): Promise<void> {
  const isRunning = async () => (await client.execute<StatusInfo>('query-status')).running;
  await waitFor(isRunning, { what: 'the guest to run' });
}

async function failedBecause(reason: RegExp): Promise<void> {
  await monitor.event('MIGRATION', 'failed');
  const { status, 'error-desc': words } = await monitor.execute<MigrationInfo>('query-migrate');
  assert.is(status, 'failed');
  assert.match(words ?? '', reason);
  await runs(monitor);
  await ticksOn(vmm);
}

test('with -incoming file: the guest goes on in the same process, whose monitor listens again', async () => {
  const { pid } = vmm;
  const before = await ticksOn(vmm);
  const ram = ramDescriptors(pid);
  assert.is(ram.length, 1);
  await migrateTo(commandOf(vmm, '-incoming', `file:${state}`));
  const next = await nextMonitor();
  assert.equal(monitor.story(), ['setup', 'STOP', 'active', 'MIGRATION_PASS', 'device', 'completed']);
  assert.equal(await next.execute('query-status'), { status: 'running', running: true });
  assert.equal(await next.execute('query-migrate-parameters'), {
    mode: 'normal',
    'cpr-exec-command': [],
    local: false,
  });
  assert.equal(ramDescriptors(pid), ram, 'the descriptor of RAM has the same number');
  const after: TickerLine = await ticksOn(vmm);
  assert.ok(after.ticks > before.ticks, `${before.ticks} then ${after.ticks}`);
  assert.is(vmm.ended, null);
  assert.is(
    lastTick(vmm.console().slice(0, 2))?.ticks,
    100,
    'what the guest said before is still in the file',
  );
  await next.close();
});

function ramDescriptors(pid: number): number[] {
  const numbers = [...Array(64).keys()].filter((fd) => {
    const link = `/proc/${pid}/fd/${fd}`;
    return existsSync(`/proc/${pid}/fdinfo/${fd}`) && readlinkSync(link).startsWith('/memfd:ram0');
  });
  return numbers;
}

test('with -incoming defer it waits for migrate-incoming, and can be repeated without a leak', async () => {
  const files: number[] = [];
  const command = commandOf(vmm, '-incoming', 'defer');
  for (let round = 0; round < 4; round++) {
    await migrateTo(command);
    const next = await nextMonitor();
    assert.equal(await next.execute('query-status'), { status: 'inmigrate', running: false });
    assert.equal(await next.execute('query-migrate'), {});
    await next.execute('migrate-incoming', { uri: `file:${state}` });
    await next.event('RESUME');
    await next.event('MIGRATION', 'completed');
    assert.equal(next.story(), ['setup', 'active', 'RESUME', 'completed']);
    await ticksOn(vmm);
    files.push(vmm.openFiles());
    monitor = next;
    await monitor.execute('migrate-set-parameters', { mode: 'cpr-exec' });
  }
  assert.equal(new Set(files).size, 1, `open files: ${files.join(' ')}`);
  assert.is(vmm.stderr, '');
});

test('a wrapper that execs, found in PATH or a script without #!, may stand before the program', async () => {
  const wrapper = `${host.path}/wrapper`;
  writeFileSync(wrapper, 'echo "$QEMU_CPR_EXEC_STATE" > "$0.seen"; exec "$@"\n');
  chmodSync(wrapper, 0o755);
  await migrateTo(['env', 'WRAPPED=1', wrapper, ...commandOf(vmm, '-incoming', `file:${state}`)]);
  const next = await nextMonitor();
  assert.is((await next.execute<StatusInfo>('query-status')).running, true);
  assert.match(readFileSync(`${wrapper}.seen`, 'utf8'), /^\d+\n$/);
  assert.match(readFileSync(`/proc/${vmm.pid}/environ`, 'utf8'), /WRAPPED=1/);
  await ticksOn(vmm);
  await next.close();
});

test('the environment goes on, less what only makes Node start later', async () => {
  const other = await host.launch({ env: { NODE_EXTRA_CA_CERTS: '/nonexistent', KEPT: 'x' } });
  const there = await other.monitor();
  const command = commandOf(other, '-incoming', 'defer');
  await there.execute('migrate-set-parameters', { mode: 'cpr-exec', 'cpr-exec-command': command });
  await there.execute('migrate', { uri: `file:${state}` });
  await waitFor(() => there.isClosed, { what: 'the end of the old monitor' });
  const environment = await waitFor(
    () => {
      const text = readFileSync(`/proc/${other.pid}/environ`, 'utf8').split('\0');
      return text.some((variable) => variable.startsWith('QEMU_CPR_EXEC_STATE=')) ? text : null;
    },
    { what: 'the environment of the next program' },
  );
  assert.ok(environment.includes('KEPT=x'));
  assert.not.ok(environment.some((variable) => variable.startsWith('NODE_EXTRA_CA_CERTS=')));
});

test('a command that cannot be executed: completed, failed, RESUME, and the next one works', async () => {
  const unreadable = `${host.path}/data`;
  writeFileSync(unreadable, 'no program');
  for (const [command, words] of [
    [['/nonexistent/vmm', 'x'], /^execvp \/nonexistent\/vmm failed: No such file or directory$/],
    [['no-such-program'], /^execvp no-such-program failed: No such file or directory$/],
    [[unreadable], /^execvp .*data failed: Permission denied$/],
    [[host.path], /^execvp .* failed: Permission denied$/],
  ] as const) {
    monitor.forgetEvents();
    await migrateTo(command);
    await failedBecause(words);
    const story = ['setup', 'STOP', 'active', 'MIGRATION_PASS', 'device', 'completed', 'failed', 'RESUME'];
    assert.equal(monitor.story(), story);
  }
  await migrateTo(commandOf(vmm, '-incoming', `file:${state}`));
  const next = await nextMonitor();
  assert.is((await next.execute<StatusInfo>('query-status')).running, true);
  await next.close();
});

test('no command, no main channel or a file that cannot be made is refused with the guest running', async () => {
  const uri = `file:${state}`;
  const words = 'cpr-exec mode requires setting cpr-exec-command';
  assert.is(await monitor.refusal('migrate', { uri }), words);
  await monitor.execute('migrate-set-parameters', { 'cpr-exec-command': [] });
  assert.is(await monitor.refusal('migrate', { uri }), words);
  assert.match(
    await monitor.refusal('migrate-set-parameters', { 'cpr-exec-command': 'x' }),
    /expected: array/,
  );
  assert.equal(monitor.story(), []);
  await monitor.execute('migrate-set-parameters', { 'cpr-exec-command': ['x'] });
  assert.is(await monitor.refusal('migrate', { uri: 'foo:x' }), 'unknown migration protocol: foo:x');
  const refusal = await monitor.refusal('migrate', { uri: 'file:/nonexistent/state' });
  assert.is(refusal, "Could not create '/nonexistent/state': No such file or directory");
  assert.equal(monitor.story(), ['setup', 'failing', 'failed']);
  await ticksOn(vmm);
});

test('the state may go to a channel of type file, at an offset, and come from there', async () => {
  const addr = { transport: 'file', filename: state, offset: 8192 };
  const channel = { 'channel-type': 'main', addr };
  await migrateTo(commandOf(vmm, '-incoming', JSON.stringify(channel)), { channels: [channel] });
  const next = await nextMonitor();
  assert.is((await next.execute<StatusInfo>('query-status')).running, true);
  assert.is(readFileSync(state).toString('latin1', 8192, 8196), 'QEVM');
  await next.close();
});

test('the state may go through programs', async () => {
  const command = commandOf(vmm, '-incoming', `exec:gunzip < ${state}`);
  await migrateTo(command, { uri: `exec:gzip > ${state}` });
  const next = await nextMonitor();
  await runs(next);
  await ticksOn(vmm);
  await next.close();
});

test('a program that fails is a failed migration', async () => {
  await migrateTo(['true'], { uri: 'exec:cat > /dev/null; exit 3' });
  await failedBecause(/ended with exit code 3/);
});

test('a paused guest stays paused, and -S holds a running one', async () => {
  await monitor.execute('stop');
  await migrateTo(commandOf(vmm, '-incoming', `file:${state}`));
  monitor = await nextMonitor();
  assert.is((await monitor.execute<StatusInfo>('query-status')).status, 'paused');
  await monitor.execute('cont');
  await ticksOn(vmm);
  await monitor.execute('migrate-set-parameters', { mode: 'cpr-exec' });
  await migrateTo(commandOf(vmm, '-S'));
  monitor = await nextMonitor();
  assert.is((await monitor.execute<StatusInfo>('query-status')).status, 'paused');
  await monitor.execute('cont');
  await ticksOn(vmm);
});

test('without -incoming the guest is waited for instead of another one booted', async () => {
  await migrateTo(commandOf(vmm));
  monitor = await nextMonitor();
  assert.is((await monitor.execute<StatusInfo>('query-status')).status, 'inmigrate');
  assert.match(vmm.stderr, /-incoming is missing: -incoming defer is assumed/);
  const ticksBefore = lastTick(vmm.console())?.ticks ?? 0;
  await monitor.execute('migrate-incoming', { uri: `file:${state}` });
  assert.ok((await ticksOn(vmm)).ticks > ticksBefore);
});

test('memory that is not shared blocks it, as it blocks cpr-transfer', async () => {
  const other = await host.launch({ memoryArgs: ['-m', '64M'] });
  const there = await other.monitor();
  await there.execute('migrate-set-parameters', { mode: 'cpr-exec', 'cpr-exec-command': ['true'] });
  const { 'blocked-reasons': reasons = [] } = await there.execute<MigrationInfo>('query-migrate');
  assert.is(reasons.length, 2);
  assert.match(reasons[0] ?? '', /^Memory region riscv_virt_board.ram is not compatible with CPR. share=on/);
  assert.is(await there.refusal('migrate', { uri: `file:${state}` }), reasons[0]);
  await there.close();
});

test('a file that is no state: with defer the process stays and the reason can be read', async () => {
  await migrateTo(commandOf(vmm, '-incoming', 'defer'));
  monitor = await nextMonitor();
  writeFileSync(`${state}.bad`, 'nonsense');
  await monitor.execute('migrate-incoming', { uri: `file:${state}.bad`, 'exit-on-error': false });
  await monitor.event('MIGRATION', 'failed');
  const info = await monitor.execute<MigrationInfo>('query-migrate');
  assert.match(info['error-desc'] ?? '', /section 'header', offset 0: not a migration stream/);
  assert.is((await monitor.execute<StatusInfo>('query-status')).status, 'inmigrate');
});

test.run();
