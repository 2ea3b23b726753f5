/** The same QMP commands, with good and bad arguments, to baton-vmm and to real QEMU 11.1: class and words of every answer. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findInCache } from '../../fetch/cache.js';
import { ticker } from '../../guests/ticker.js';
import { skipSuite } from '../../helpers/skip.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';
import { QmpClient } from '../qmp-client.js';

const BATON = [process.execPath, fileURLToPath(new URL('../../../vmm/baton-vmm.cjs', import.meta.url))];
const found = findInCache().qemu('11.1', 'riscv64');

interface Context {
  dir: TempDir;
  running: ChildProcess[];
}

const test = suite<Context>('QMP beside QEMU 11.1');

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

type Ask = readonly [execute: string, args?: object];

const parameters = (args: object): Ask => ['migrate-set-parameters', args];
const capabilities = (list: unknown): Ask => ['migrate-set-capabilities', { capabilities: list }];
const qomGet = (path: unknown, property?: string): Ask => [
  'qom-get',
  { path, ...(property && { property }) },
];
const migrate = (args: object): Ask => ['migrate', args];
const channel = (addr: object, type = 'main') => ({ 'channel-type': type, addr });
const FILE = { transport: 'file', filename: '/nonexistent/x', offset: 0 };

const STATE: readonly Ask[] = [
  ['query-status', { surplus: 1 }],
  ['qmp_capabilities'],
  ['query-commands', { surplus: 1 }],
  ['stop'],
  ['stop'],
  ['query-status'],
  ['cont'],
  ['cont'],
  ['query-status'],
  ['system_reset'],
  ['system_reset', { surplus: 1 }],
  ['system_powerdown'],
  ['system_wakeup'],
  ['query-name'],
  ['query-uuid'],
  ['query-target'],
  ['query-kvm'],
  ['query-memory-size-summary'],
  ['query-block'],
  ['query-named-block-nodes', { flat: true }],
  ['query-memory-devices'],
  ['query-iothreads'],
  ['query-fdsets'],
  ['query-hotpluggable-cpus'],
  ['query-current-machine'],
  ['set-action', {}],
  ['set-action', { reboot: 'shutdown', shutdown: 'pause', panic: 'none', watchdog: 'none' }],
  ['set-action', { reboot: 'nonsense' }],
  ['set-action', { shutdown: 5 }],
  ['human-monitor-command'],
  ['human-monitor-command', { 'command-line': '' }],
  ['human-monitor-command', { 'command-line': 'nonsense' }],
  ['human-monitor-command', { 'command-line': 'info status', 'cpu-index': 0 }],
  ['human-monitor-command', { 'command-line': 'info status', 'cpu-index': 7 }],
  ['query-events'],
  ['savevm'],
  ['no-such-command', { a: 1 }],
];

const OBJECTS: readonly Ask[] = [
  ['qom-get'],
  qomGet('/machine'),
  qomGet('/machine', 'nothing'),
  qomGet('machine', 'type'),
  qomGet('/', 'type'),
  qomGet('', 'type'),
  qomGet('/machine/', 'type'),
  qomGet('/objects/ram0', 'size'),
  qomGet('/objects/ram0', 'share'),
  qomGet('ram0', 'share'),
  qomGet(null, 'type'),
  qomGet(['/machine'], 'type'),
  qomGet('/machine', 'aux-ram-share'),
  qomGet('/machine', 'memory-backend'),
  qomGet('/machine/soc0', 'num-harts'),
  qomGet('/machine/soc0/harts[0]', 'type'),
  qomGet('/machine/nothing', 'type'),
  ['qom-list', { path: '/nothing' }],
  ['qom-list', {}],
  ['qom-list-types', { implements: 5 }],
  ['qom-set', { path: '/nothing', property: 'a', value: true }],
  ['qom-set', { path: '/machine', property: 'nothing', value: true }],
  ['qom-set', { path: '/machine', property: 'type' }],
];

const MIGRATION: readonly Ask[] = [
  parameters({}),
  parameters({ mode: 'nonsense' }),
  parameters({ mode: 5 }),
  parameters({ mode: 'cpr-reboot' }),
  parameters({ mode: 'normal' }),
  parameters({ 'cpr-exec-command': 'x' }),
  parameters({ 'cpr-exec-command': [1] }),
  parameters({ surplus: 1 }),
  ['migrate-set-capabilities'],
  capabilities({}),
  capabilities([{}]),
  capabilities([{ capability: 'events' }]),
  capabilities([{ capability: 'events', state: 'on' }]),
  capabilities([{ capability: 'nonsense', state: true }]),
  capabilities([{ capability: 'events', state: true, surplus: 1 }]),
  capabilities([]),
  ['query-migrate'],
  ['migrate_cancel'],
  ['migrate-incoming', { uri: 'defer' }],
  ['migrate-incoming', {}],
  ['migrate-incoming', { uri: 'x', 'exit-on-error': 5 }],
  ['migrate'],
  migrate({ uri: 5 }),
  migrate({ uri: '' }),
  migrate({ uri: 'nonsense' }),
  migrate({ uri: 'fd:' }),
  migrate({ uri: 'fd:nothing' }),
  migrate({ uri: 'fd:99' }),
  migrate({ uri: 'unix:' }),
  migrate({ uri: 'tcp:' }),
  migrate({ uri: 'tcp:x' }),
  migrate({ uri: 'tcp:x:' }),
  migrate({ uri: 'file:/nonexistent/x,offset=zz' }),
  migrate({ uri: 'x', resume: true }),
  migrate({ uri: 'x', surplus: true }),
  migrate({ uri: 'file:/nonexistent/x', channels: [channel(FILE)] }),
  migrate({ channels: {} }),
  migrate({ channels: [{}] }),
  migrate({ channels: [{ 'channel-type': 'main' }] }),
  migrate({ channels: [channel({ transport: 'exec', args: [] }, 'nonsense')] }),
  migrate({ channels: [channel({ transport: 'nonsense' })] }),
  migrate({ channels: [channel({ transport: 'file', filename: '/nonexistent/x' })] }),
  migrate({ channels: [channel({ transport: 'socket' })] }),
  migrate({ channels: [channel({ transport: 'socket', type: 'nonsense' })] }),
  migrate({ channels: [channel({ transport: 'socket', type: 'unix' })] }),
  migrate({ channels: [channel({ transport: 'socket', type: 'inet', host: '0' })] }),
  migrate({ channels: [channel({ transport: 'socket', type: 'inet', host: '0', port: 5 })] }),
  migrate({ channels: [channel(FILE), channel(FILE)] }),
  ['query-migrate'],
];

/** Whole lines, some of them no commands. QEMU says too where in its input it was; we do not. */
const LINES: readonly string[] = [
  '{"execute":5}',
  '{"exec":"a"}',
  '{"execute":"query-status","arguments":5}',
  '{"execute":"query-status","surplus":1}',
  '{"execute":"query-status","id":{"a":[1,null,"é"]}}',
  "{'execute':'query-status','id':'it\\'s'}",
  "{'execute': 'qom-get', \"arguments\": {'path': '/machine', 'property': \"type\"}}",
  '{"execute":"query-status","id":null}',
  '{"exec-oob":"query-status"}',
  '5',
  '[]',
  '"a"',
  '{}',
];

async function start({ dir, running }: Context, prefix: readonly string[]): Promise<QmpClient> {
  const folder = `${dir.path}/${running.length}`;
  await mkdir(folder);
  const [program = '', ...rest] = prefix;
  const args = [
    ...['-machine', 'virt,memory-backend=ram0,aux-ram-share=on', '-m', '64M', '-nodefaults'],
    ...['-object', 'memory-backend-memfd,id=ram0,size=64M,share=on', '-display', 'none'],
    ...['-kernel', `${dir.path}/ticker.bin`, '-serial', 'null'],
    ...['-qmp', `unix:${folder}/qmp,server=on,wait=off`],
  ];
  running.push(spawn(program, [...rest, ...args], { stdio: 'ignore' }));
  return QmpClient.ready(`${folder}/qmp`);
}

async function compare(context: Context, play: (client: QmpClient) => Promise<unknown[]>): Promise<void> {
  if ('missing' in found) return;
  const theirs = await play(await start(context, found.argvPrefix));
  const ours = await play(await start(context, BATON));
  for (const [index, answer] of ours.entries()) assert.equal(answer, theirs[index]);
  assert.is(ours.length, theirs.length);
}

function asks(list: readonly Ask[]): (client: QmpClient) => Promise<unknown[]> {
  return async (client) => {
    const answers: unknown[] = [];
    for (const [execute, args] of list) answers.push([execute, args, await client.ask(execute, args)]);
    await client.close();
    return answers;
  };
}

test('running, stopping, and what the VM is', (context) => compare(context, asks(STATE)));
test('objects and their properties', (context) => compare(context, asks(OBJECTS)));
test('migration: what is set, refused and misspelt', (context) => compare(context, asks(MIGRATION)));

test('lines that are commands, and lines that are not', (context) =>
  compare(context, async (client) => {
    const answers: unknown[] = [];
    for (const line of LINES) {
      client.sendText(`${line}\n`);
      answers.push([line, await client.reply()]);
    }
    await client.close();
    return answers;
  }));

if ('missing' in found) skipSuite('QMP beside QEMU 11.1', found.missing);
else test.run();
