/** The same commands to baton-vmm and to real QEMU 11.1: answers and events must be the same. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeExecState } from '../../../vmm/migration/cpr-state.js';
import type { QmpEvent } from '../../../vmm/qmp/protocol.js';
import { findInCache } from '../../fetch/cache.js';
import { ticker } from '../../guests/ticker.js';
import { skipSuite } from '../../helpers/skip.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';
import { waitFor } from '../../helpers/wait.js';
import { QmpClient } from '../qmp-client.js';

const MAIN = fileURLToPath(new URL('../../../vmm/baton-vmm.cjs', import.meta.url));
const BATON = [process.execPath, MAIN];
const found = findInCache().qemu('11.1', 'riscv64');

interface Context {
  dir: TempDir;
  running: ChildProcess[];
}

const test = suite<Context>('migration beside QEMU 11.1');

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

/** A command with its arguments, in which DIR is a folder of the VMM's own; or an event to wait for after it. */
type Step = readonly [execute: string, args?: object] | { readonly event: string; readonly status?: string };

const events = { capabilities: [{ capability: 'events', state: true }] };
const setMode = (mode: string): Step => ['migrate-set-parameters', { mode }];
const setCommand = (...command: string[]): Step => [
  'migrate-set-parameters',
  { 'cpr-exec-command': command },
];
const migrate = (uri: string): Step => ['migrate', { uri }];
const ended = (status: string): Step => ({ event: 'MIGRATION', status });

async function play(context: Context, prefix: readonly string[], name: string, steps: readonly Step[]) {
  const folder = `${context.dir.path}/${name}`;
  await mkdir(folder);
  const [program = '', ...rest] = prefix;
  const args = [
    ...['-machine', 'virt,memory-backend=ram0,aux-ram-share=on', '-m', '64M', '-nodefaults'],
    ...['-object', 'memory-backend-memfd,id=ram0,size=64M,share=on', '-display', 'none'],
    ...['-kernel', `${context.dir.path}/ticker.bin`, '-serial', 'null'],
    ...['-qmp', `unix:${folder}/qmp,server=on,wait=off`],
  ];
  const child = spawn(program, [...rest, ...args], { stdio: 'ignore' });
  context.running.push(child);
  const client = await QmpClient.ready(`${folder}/qmp`);
  const answers: unknown[] = [];
  let heard = 0;
  for (const step of steps) {
    if ('event' in step) {
      const isIt = ({ event, data }: QmpEvent) =>
        event === step.event && (step.status === undefined || data?.status === step.status);
      await waitFor(() => client.events.slice(heard).some(isIt), { what: JSON.stringify(step) });
    } else {
      heard = client.events.length;
      const text = JSON.stringify(step[1] ?? {}).replaceAll('DIR', folder);
      const reply = await waitFor(
        async () => {
          const said = await client.ask(step[0], JSON.parse(text));
          return isPassing(said) ? null : said;
        },
        { what: `${step[0]} to be answered with a state that stays` },
      );
      answers.push(essence(step[0], reply, folder));
    }
  }
  const story = client.story().filter((event) => event !== 'MIGRATION_PASS');
  await client.close();
  return { answers, story, folder };
}

/** QEMU says that a migration is complete a moment before the guest's state follows. */
function isPassing(reply: object): boolean {
  return (reply as { return?: { status?: string } }).return?.status === 'finish-migrate';
}

/** What must be the same: of an error its words, of `query-migrate` how it went. */
function essence(command: string, reply: object, folder: string): unknown {
  const text = JSON.stringify(reply).replaceAll(folder, 'DIR');
  const { return: value, error } = JSON.parse(text) as { return?: Record<string, unknown>; error?: object };
  if (error !== undefined) return error;
  if (command === 'query-migrate') {
    const { status, 'error-desc': words, 'blocked-reasons': reasons } = value ?? {};
    return { status, words, reasons };
  }
  return value;
}

async function compare(context: Context, steps: readonly Step[]): Promise<void> {
  if ('missing' in found) return;
  const qemu = await play(context, found.argvPrefix, 'qemu', steps);
  const baton = await play(context, BATON, 'baton', steps);
  assert.equal(baton.answers, qemu.answers);
  assert.equal(baton.story, qemu.story);
}

test('cpr-exec: no command, empty command, wrong type, program that is not there', async (context) => {
  await compare(context, [
    ['migrate-set-capabilities', events],
    setMode('cpr-exec'),
    migrate('file:DIR/state'),
    ['query-migrate'],
    setCommand(),
    migrate('file:DIR/state'),
    ['migrate-set-parameters', { 'cpr-exec-command': 'x' }],
    setCommand('/nonexistent/vmm', 'x'),
    migrate('file:DIR/state'),
    { event: 'RESUME' },
    ['query-migrate'],
    ['query-status'],
    setCommand('no-such-program'),
    ['migrate', { channels: [file('DIR/state')] }],
    { event: 'RESUME' },
    ['query-migrate'],
  ]);
});

function file(filename: string): object {
  return { 'channel-type': 'main', addr: { transport: 'file', filename, offset: 0 } };
}

test('main channels that cannot be opened, and arguments that are none', async (context) => {
  await compare(context, [
    ['migrate-set-capabilities', events],
    migrate('unix:/nonexistent/main'),
    ended('failed'),
    ['query-migrate'],
    ['query-status'],
    setMode('cpr-reboot'),
    migrate('file:/nonexistent/state'),
    ended('failed'),
    ['query-migrate'],
    migrate('foo:x'),
    ['migrate', {}],
    ['migrate-set-parameters', { nonsense: 1 }],
    ['migrate-set-capabilities', { capabilities: [{ capability: 'nonsense', state: true }] }],
    ['migrate-incoming', { uri: 'unix:DIR/main' }],
    ['migrate_cancel'],
  ]);
});

test('normal migration into a program', async (context) => {
  await compare(context, [
    ['migrate-set-capabilities', events],
    migrate('exec:cat > DIR/other'),
    ended('completed'),
    ['query-status'],
  ]);
});

test('cpr-reboot into a file, and cont', async (context) => {
  await compare(context, [
    ['migrate-set-capabilities', events],
    setMode('cpr-reboot'),
    migrate('file:DIR/state'),
    ended('completed'),
    ['query-migrate'],
    ['query-status'],
    migrate('file:DIR/state'),
    ['migrate_cancel'],
    ['cont'],
    { event: 'RESUME' },
    ['query-status'],
  ]);
});

test('the state that QEMU leaves for the next program is understood, descriptor numbers and all', async (context) => {
  if ('missing' in found) return;
  const wrapper = `${context.dir.path}/wrapper`;
  writeFileSync(
    wrapper,
    '#!/bin/sh\ncat "/proc/self/fd/$QEMU_CPR_EXEC_STATE" > "$0.new"; mv "$0.new" "$0.state"\n',
  );
  chmodSync(wrapper, 0o755);
  await play(context, found.argvPrefix, 'qemu', [
    setMode('cpr-exec'),
    setCommand(wrapper),
    migrate('file:DIR/state'),
  ]);
  await waitFor(() => existsSync(`${wrapper}.state`), { what: 'the state' });
  const descriptors = decodeExecState(readFileSync(`${wrapper}.state`));
  const ram = descriptors.find(({ name }) => name === 'ram0');
  assert.is(ram?.id, 0);
  assert.ok((ram?.fd ?? 0) > 2);
});

if ('missing' in found) skipSuite('migration beside QEMU 11.1', found.missing);
else test.run();
