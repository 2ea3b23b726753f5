/** QEMU's own clients, qmp-shell and the library qemu.qmp, find in baton-vmm what they find in QEMU. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findInCache } from '../../fetch/cache.js';
import { ticker } from '../../guests/ticker.js';
import { skipSuite } from '../../helpers/skip.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';
import { QmpClient } from '../qmp-client.js';
import { ASYNC_SCRIPT, LEGACY_SCRIPT } from './python-scripts.js';

const MAIN = fileURLToPath(new URL('../../../vmm/baton-vmm.cjs', import.meta.url));
const BATON = [process.execPath, MAIN];
const CLIENT_DEADLINE_MS = 60_000;
const python = findInCache().qmpPython();
const qemu = findInCache().qemu('11.1', 'riscv64');

interface Context {
  dir: TempDir;
  running: ChildProcess[];
}

const test = suite<Context>('QEMU’s own clients');

test.before.each(async (context) => {
  context.dir = await tempDir();
  context.running = [];
  await writeFile(`${context.dir.path}/ticker.bin`, ticker({ patternMiB: 1 }).bytes);
});

test.after.each(async ({ dir, running }) => {
  for (const child of running) {
    const exit = once(child, 'exit');
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await exit;
  }
  await dir.remove();
});

/** Starts a VMM and resolves with its monitor's path when it answers. */
async function launch(context: Context, prefix: readonly string[]): Promise<string> {
  const folder = `${context.dir.path}/${context.running.length}`;
  await mkdir(folder);
  const [program = '', ...rest] = prefix;
  const args = [
    ...['-machine', 'virt', '-m', '64M', '-nodefaults', '-display', 'none', '-serial', 'null'],
    ...['-name', 'guest of clients', '-kernel', `${context.dir.path}/ticker.bin`],
    ...['-qmp', `unix:${folder}/qmp,server=on,wait=off`],
  ];
  context.running.push(spawn(program, [...rest, ...args], { stdio: 'ignore' }));
  const client = await QmpClient.ready(`${folder}/qmp`);
  await client.close();
  return `${folder}/qmp`;
}

async function runPython(context: Context, args: readonly string[], input = ''): Promise<string> {
  if ('missing' in python) throw new Error(python.missing);
  // History and settings of the shell stay in the test's folder.
  const env = { HOME: context.dir.path, PYTHONPATH: python.modules };
  return (await execa('python3', args, { input, env, timeout: CLIENT_DEADLINE_MS })).stdout;
}

async function shell(
  context: Context,
  qmp: string,
  options: readonly string[],
  lines: readonly string[],
): Promise<string> {
  const program = 'missing' in python ? '' : python.shell;
  return runPython(context, [program, ...options, qmp], `${lines.join('\n')}\n`);
}

/** What must be the same of two programs: all but their versions. */
function withoutVersion(transcript: string): string {
  return transcript.replace(/Connected to QEMU [\d.]+/, 'Connected to QEMU');
}

/** The same session with both; what baton-vmm gave. */
async function sameOnBoth(context: Context, session: (qmp: string) => Promise<string>): Promise<string> {
  const ours = withoutVersion(await session(await launch(context, BATON)));
  if ('missing' in qemu) return ours;
  assert.equal(
    ours.split('\n'),
    withoutVersion(await session(await launch(context, qemu.argvPrefix))).split('\n'),
  );
  return ours;
}

const SESSION = [
  'query-status',
  'stop',
  'query-status',
  'cont',
  'query-migrate',
  'query-name',
  'migrate-set-parameters mode=cpr-reboot',
  'migrate-set-capabilities capabilities=[{"capability":"events","state":true}]',
  'qom-get path=/machine property=type',
  'migrate',
  'migrate uri=foo:x',
  'no-such-command',
  'query-status surplus=1',
  'qom-get path=/nowhere property=type',
];

test('qmp-shell: a session line by line', async (context) => {
  const transcript = await sameOnBoth(context, (qmp) => shell(context, qmp, [], SESSION));
  assert.match(transcript, /^Welcome to the QMP low-level shell!\nConnected to QEMU/);
  assert.match(transcript, /"status": "paused"/);
  assert.match(transcript, /"class": "CommandNotFound"/);
});

test('qmp-shell -p -v: indented, with what is sent', async (context) => {
  const lines = ['query-status', 'query-kvm', 'human-monitor-command command-line=stop'];
  const transcript = await sameOnBoth(context, (qmp) => shell(context, qmp, ['-p', '-v'], lines));
  assert.match(transcript, /"execute": "query-status"/);
});

test('qmp-shell -H: the human monitor', async (context) => {
  const lines = [
    'info status',
    'stop',
    'info status',
    'cont',
    'info name',
    'no-such-command',
    'info nonsense',
  ];
  const transcript = await sameOnBoth(context, (qmp) => shell(context, qmp, ['-H'], lines));
  assert.match(transcript, /VM status: paused/);
});

test('qemu.qmp: negotiates, executes many at once, hears events, is refused, comes back', async (context) => {
  const out = await sameOnBoth(context, (qmp) => runPython(context, ['-c', ASYNC_SCRIPT, qmp]));
  assert.match(out, /events STOP RESUME/);
  assert.match(out, /refused CommandNotFound/);
});

test('qemu.qmp.legacy: commands, raw commands and the event queue', async (context) => {
  const out = await sameOnBoth(context, (qmp) => runPython(context, ['-c', LEGACY_SCRIPT, qmp]));
  assert.match(out, /event STOP/);
});

if ('missing' in python) skipSuite('QEMU’s own clients', python.missing);
else test.run();
