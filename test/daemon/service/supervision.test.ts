/** batond under somebody who watches it and listens for it, as systemd does. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { takeInheritedSockets } from '../../../daemon/service/inherited-sockets.js';
import { supervisionOf } from '../../../daemon/service/notify.js';
import { DaemonClient } from '../../demo/daemon-client.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';
import { waitFor, within } from '../../helpers/wait.js';
import { type Datagrams, receiveDatagrams } from './datagrams.js';

const MAIN = fileURLToPath(new URL('../../../daemon/main.js', import.meta.url));
const DEADLINE_MS = 20_000;
/** Listens, and becomes batond with the socket as descriptor 3, without which systemd would do it. */
const ACTIVATE = `
import os, socket, sys
listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
listener.bind(sys.argv[1] + ".new")
listener.listen(16)
os.rename(sys.argv[1] + ".new", sys.argv[1])
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES=sys.argv[2])
os.execv(sys.argv[3], sys.argv[3:])
`;

interface Context {
  dir: TempDir;
  children: ChildProcess[];
  listener: Datagrams;
  address: string;
}

const test = suite<Context>('supervision');

test.before.each(async (context) => {
  context.dir = await tempDir();
  context.children = [];
  context.address = `${context.dir.path}/notify`;
  context.listener = await receiveDatagrams(context.address);
});
test.after.each(async ({ dir, children, listener }) => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  }
  await listener.end();
  await dir.remove();
});

function run({ children, address }: Context, argv: readonly string[], watchdogUsec?: number): ChildProcess {
  const [file = '', ...args] = argv;
  const watchdog = watchdogUsec === undefined ? {} : { WATCHDOG_USEC: String(watchdogUsec) };
  const env = { ...process.env, NOTIFY_SOCKET: address, ...watchdog };
  const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe'], env });
  children.push(child);
  return child;
}

function daemon({ dir }: Context, ...args: readonly string[]): string[] {
  writeFileSync(
    `${dir.path}/batond.yaml`,
    `stateDir: ${dir.path}/s\nruntimeDir: ${dir.path}/r\nlogLevel: info\n`,
  );
  return [process.execPath, MAIN, '--config', `${dir.path}/batond.yaml`, ...args];
}

async function told({ listener }: Context, start: string, after = 0): Promise<string> {
  const found = () => listener.received.slice(after).find((text) => text.startsWith(start));
  await waitFor(() => found() !== undefined, { deadlineMs: DEADLINE_MS, what: `${start} to be told` });
  return found() ?? '';
}

test('it says when it is ready, reads its configuration again, and stops', async (context) => {
  const child = run(context, daemon(context));
  assert.is(await told(context, 'READY=1'), 'READY=1\nSTATUS=0 machines, 0 running');
  const before = context.listener.received.length;
  child.kill('SIGHUP');
  assert.match(await told(context, 'RELOADING=1', before), /^RELOADING=1\nMONOTONIC_USEC=\d+\n/);
  await told(context, 'READY=1', before);
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  assert.equal(await within(exit, DEADLINE_MS, 'batond to end'), [0, null]);
  assert.match(context.listener.received.at(-1) ?? '', /^STOPPING=1\n/);
});

test('a reload takes over the log level, names what waits, and refuses a file that is not sound', async (context) => {
  const child = run(context, daemon(context));
  let log = '';
  child.stderr?.on('data', (chunk) => {
    log += chunk;
  });
  await told(context, 'READY=1');
  const path = `${context.dir.path}/batond.yaml`;
  const text = readFileSync(path, 'utf8');
  const reloaded = async (content: string, expected: RegExp) => {
    writeFileSync(path, content);
    child.kill('SIGHUP');
    await waitFor(() => expected.test(log), { deadlineMs: DEADLINE_MS, what: `${expected} in the log` });
  };
  await reloaded(`${text}consoleLogMib: 4\n`, /"waitingForRestart":\["consoleLogBytes","file"\]/);
  await reloaded('logLevel: loud\n', /expected logLevel to be one of .*the one before stays in effect/);
  writeFileSync(path, text.replace('info', 'error'));
  for (let times = 0; times < 2; times += 1) {
    const before = context.listener.received.length;
    child.kill('SIGHUP');
    await told(context, 'READY=1', before);
  }
  assert.is(log.match(/configuration read again/g)?.length, 1, 'only before it was told to log errors alone');
});

test('a reload that is asked for before it listens is done when it does, and does not end it', async (context) => {
  /* Nobody may write the store: the daemon waits for it as it starts. */
  mkdirSync(`${context.dir.path}/s`);
  const store = new Database(`${context.dir.path}/s/batond.sqlite`);
  store.exec('PRAGMA journal_mode = WAL; BEGIN IMMEDIATE');
  const child = run(context, daemon(context));
  const lock = `${context.dir.path}/s/batond.lock`;
  await waitFor(() => existsSync(lock), {
    deadlineMs: DEADLINE_MS,
    what: 'the lock of a daemon that starts',
  });
  child.kill('SIGHUP');
  store.exec('ROLLBACK');
  store.close();
  await told(context, 'READY=1');
  await told(context, 'RELOADING=1');
  assert.is(child.signalCode, null);
});

test('a reload while the store cannot be used says so, and does not end it', async (context) => {
  const child = run(context, daemon(context));
  await told(context, 'READY=1');
  const store = new Database(`${context.dir.path}/s/batond.sqlite`);
  store.exec('BEGIN IMMEDIATE');
  const before = context.listener.received.length;
  child.kill('SIGHUP');
  assert.match(await told(context, 'READY=1', before), /^READY=1\nSTATUS=not well: /);
  store.exec('ROLLBACK');
  store.close();
  assert.equal([child.exitCode, child.signalCode], [null, null]);
});

test('it is alive as long as its loop goes round and its store can be used', async (context) => {
  const child = run(context, daemon(context), 300_000);
  await told(context, 'READY=1');
  assert.is(await told(context, 'WATCHDOG=1'), 'WATCHDOG=1\nSTATUS=0 machines, 0 running');
  const store = new Database(`${context.dir.path}/s/batond.sqlite`);
  store.exec('BEGIN IMMEDIATE');
  await told(context, 'STATUS=not well: ');
  const before = context.listener.received.length;
  await told(context, 'STATUS=not well: ', before);
  assert.not.ok(context.listener.received.slice(before).some((text) => text.startsWith('WATCHDOG=1')));
  store.exec('ROLLBACK');
  store.close();
  await told(context, 'WATCHDOG=1', context.listener.received.length);
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await within(exit, DEADLINE_MS, 'batond to end');
});

test('it takes over a socket that somebody listens on for it, and leaves it there', async (context) => {
  const socket = `${context.dir.path}/inherited.sock`;
  const activate = ['python3', '-c', ACTIVATE, socket, 'batond.socket'];
  const child = run(context, [...activate, ...daemon(context, '--socket', socket)]);
  /* Asked before it is there: the question waits in the backlog. */
  await waitFor(() => existsSync(socket), { deadlineMs: DEADLINE_MS, what: 'the socket' });
  const client = new DaemonClient(socket);
  const wait = { deadlineMs: DEADLINE_MS, what: 'an answer' };
  assert.is(
    (await waitFor(() => client.get<{ name: string }>('/v1').catch(() => null), wait)).name,
    'batond',
  );
  await told(context, 'READY=1');
  assert.match(readlinkSync(`/proc/${child.pid}/fd/3`), /^socket:/);
  const flags = readFileSync(`/proc/${child.pid}/fdinfo/3`, 'latin1').match(/^flags:\s+(\d+)$/m)?.[1];
  assert.ok((Number.parseInt(flags ?? '0', 8) & 0o2000000) !== 0, 'closed on exec');
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await within(exit, DEADLINE_MS, 'batond to end');
  assert.ok(existsSync(socket));
});

test('a socket of a name that it does not know: one sentence', async (context) => {
  const socket = `${context.dir.path}/inherited.sock`;
  const child = run(context, ['python3', '-c', ACTIVATE, socket, 'other.socket', ...daemon(context)]);
  let stderr = '';
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  const [code] = await within(once(child, 'close'), DEADLINE_MS, 'batond to end');
  assert.is(code, 1);
  assert.match(
    stderr,
    /^batond: expected inherited sockets named .* got other\.socket: set FileDescriptorName=\n$/,
  );
});

test('what was meant for another process is nothing to it, and nothing is left for its children', () => {
  const environment: NodeJS.ProcessEnv = {
    NOTIFY_SOCKET: '/nowhere/notify',
    WATCHDOG_USEC: '1000000',
    WATCHDOG_PID: '1',
    LISTEN_PID: '1',
    LISTEN_FDS: '2',
  };
  const supervision = supervisionOf(environment, 2);
  assert.is(supervision.watchdogMs, null);
  supervision.ready('nobody hears it');
  assert.equal(takeInheritedSockets(environment, 2), []);
  assert.equal(environment, {});
});

test.run();
