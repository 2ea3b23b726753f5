/**
 * What a management library asks a program that it has not seen before, in its order, of a process that went into the
 * background: baton-vmm answers in the shapes of QEMU.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { QmpReply } from '../../../vmm/qmp/protocol.js';
import { findInCache } from '../../fetch/cache.js';
import { skipSuite } from '../../helpers/skip.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';
import { waitFor } from '../../helpers/wait.js';
import { QmpClient } from '../qmp-client.js';
import { fits, shapeOf } from './shape.js';

const run = promisify(execFile);
const MAIN = fileURLToPath(new URL('../../../vmm/baton-vmm.cjs', import.meta.url));
const BATON = [process.execPath, MAIN];
const START_DEADLINE_MS = 30_000;
const qemu = findInCache().qemu('11.1', 'riscv64');

interface Context {
  dir: TempDir;
  pids: number[];
}

const test = suite<Context>('being probed');

test.before.each(async (context) => {
  context.dir = await tempDir();
  context.pids = [];
});

test.after.each(async ({ dir, pids }) => {
  for (const pid of pids) {
    if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    await waitFor(() => !isAlive(pid), { what: `the end of ${pid}` });
  }
  await dir.remove();
});

/** One that has ended and that nobody waits for yet is no more. */
function isAlive(pid: number): boolean {
  const path = `/proc/${pid}/stat`;
  return existsSync(path) && !/^\d+ \(.*\) Z/.test(readFileSync(path, 'latin1'));
}

type Ask = readonly [execute: string, args?: object];

const listOf = (command: string, ...names: readonly string[]): Ask[] =>
  names.map((typename) => [command, { typename }]);

const QUESTIONS: readonly Ask[] = [
  ['query-version'],
  ['query-target'],
  ['query-commands'],
  ['query-qmp-schema'],
  ['query-accelerators'],
  ['query-kvm'],
  ['qom-list-types'],
  ['qom-list-types', { implements: 'memory-backend', abstract: true }],
  ['qom-list-types', { implements: 'nothing' }],
  ...listOf(
    'device-list-properties',
    'virtio-rng-device',
    'goldfish_rtc',
    'nothing',
    'device',
    'virt-machine',
  ),
  ...listOf('qom-list-properties', 'memory-backend-file', 'memory-backend-memfd', 'virt-machine', 'nothing'),
  ['query-machines'],
  ['query-machines', { 'compat-props': true }],
  ['query-cpu-definitions'],
  ['query-cpu-model-expansion', { type: 'full', model: { name: 'rv64' } }],
  ['query-cpu-model-expansion', { type: 'static', model: { name: 'rv64' } }],
  ['query-cpu-model-expansion', { type: 'full', model: { name: 'nothing' } }],
  ['query-cpu-model-expansion', { type: 'full', model: { name: 'rv64', props: { nothing: true } } }],
  ['query-command-line-options'],
  ['query-command-line-options', { option: 'nothing' }],
  ['query-migrate-capabilities'],
  ['query-migrate-parameters'],
  ['query-chardev-backends'],
  ['query-current-machine'],
  ['query-memdev'],
  ['query-iothreads'],
  ['query-no-such-thing'],
];

/** Lists in which QEMU has more than a machine like ours can have. */
const SHORTER = new Set(['query-migrate-parameters', 'query-cpu-model-expansion']);

async function start({ dir, pids }: Context, prefix: readonly string[]): Promise<string> {
  const folder = `${dir.path}/${pids.length}`;
  await mkdir(folder);
  const [program = '', ...rest] = prefix;
  const args = [
    ...['-S', '-no-user-config', '-nodefaults', '-nographic', '-machine', 'none,accel=tcg'],
    ...['-qmp', `unix:${folder}/monitor,server=on,wait=off`, '-pidfile', `${folder}/pid`, '-daemonize'],
  ];
  // Resolves when the program has ended and its output too: nothing of the background holds it open.
  await run(program, [...rest, ...args], { timeout: START_DEADLINE_MS });
  pids.push(Number(readFileSync(`${folder}/pid`, 'utf8')));
  return `${folder}/monitor`;
}

async function answers(path: string): Promise<QmpReply[]> {
  const client = await QmpClient.ready(path);
  const replies: QmpReply[] = [];
  for (const [execute, args] of QUESTIONS) replies.push(await client.ask(execute, args));
  await client.close();
  return replies;
}

/** Members that the QEMU beside us does not know yet. */
function withoutOurs(command: string, answer: unknown): unknown {
  if (command !== 'query-migrate-parameters') return answer;
  const { local, ...others } = answer as Record<string, unknown>;
  assert.is(local, false);
  return others;
}

test('answers have the shapes of QEMU’s, refusals its words', async (context) => {
  if ('missing' in qemu) return;
  const ours = await answers(await start(context, BATON));
  const theirs = await answers(await start(context, qemu.argvPrefix));
  for (const [index, [execute, args]] of QUESTIONS.entries()) {
    const what = `${execute} ${JSON.stringify(args ?? {})}`;
    const [own, its] = [ours[index] as QmpReply, theirs[index] as QmpReply];
    if ('error' in own || 'error' in its) assert.equal(own, its, what);
    else
      assert.is(
        fits(shapeOf(withoutOurs(execute, own.return)), shapeOf(its.return), !SHORTER.has(execute)),
        '',
        what,
      );
  }
});

test('-daemonize: in a session of its own, without a terminal, in /, until it is told to end', async (context) => {
  const path = await start(context, BATON);
  const [pid = 0] = context.pids;
  const session = Number(readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ')[3]);
  assert.is(session, pid);
  assert.is(readlinkSync(`/proc/${pid}/cwd`), '/');
  for (const fd of [0, 1, 2]) assert.is(readlinkSync(`/proc/${pid}/fd/${fd}`), '/dev/null');
  const client = await QmpClient.ready(path);
  await client.execute('quit');
  await waitFor(() => !isAlive(pid), { what: 'the end' });
  assert.is(existsSync(path), false, 'the socket is gone');
  assert.is(existsSync(path.replace('monitor', 'pid')), false, 'and the file with its number');
});

test('-daemonize: what goes wrong is told to whoever started it', async () => {
  const failure = await run(process.execPath, [
    MAIN,
    '-machine',
    'none',
    '-qmp',
    'unix:/nonexistent/m,server=on',
    '-daemonize',
  ]).then(
    () => null,
    (error: { code: number; stderr: string }) => error,
  );
  assert.is(failure?.code, 1);
  assert.match(failure?.stderr ?? '', /cannot listen on \/nonexistent\/m/);
});

test('-daemonize: descriptors that the command line names go along', async (context) => {
  const path = `${context.dir.path}/m`;
  const args = ['-machine', 'none', '-qmp', `unix:${path},server=on,wait=off`, '-pidfile', `${path}.pid`];
  const fd = openSync('/dev/null', 'r');
  const child = spawn(process.execPath, [MAIN, ...args, '-daemonize', '-add-fd', 'fd=3,set=4,opaque=kept'], {
    stdio: ['ignore', 'ignore', 'inherit', fd],
  });
  const [code] = await once(child, 'exit');
  closeSync(fd);
  assert.is(code, 0);
  context.pids.push(Number(readFileSync(`${path}.pid`, 'utf8')));
  const client = await QmpClient.ready(path);
  const sets = await client.execute<{ 'fdset-id': number; fds: { opaque: string }[] }[]>('query-fdsets');
  assert.equal([sets[0]?.['fdset-id'], sets[0]?.fds[0]?.opaque], [4, 'kept']);
  await client.close();
});

if ('missing' in qemu) skipSuite('being probed, beside QEMU', qemu.missing);
test.run();
