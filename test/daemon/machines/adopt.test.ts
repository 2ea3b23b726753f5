/** Real QEMUs that the test starts, as somebody would by hand, taken over by the daemon. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import { LinuxProcesses } from '../../../daemon/instance/host.js';
import { QmpClient } from '../../../daemon/instance/qmp-client.js';
import { findInCache, type QemuVersion } from '../../fetch/cache.js';
import { skipSuite } from '../../helpers/skip.js';
import { waitFor } from '../../helpers/wait.js';
import {
  call,
  createRunning,
  type Folders,
  installVmm,
  perform,
  startApp,
  tearDown,
  upgradeEnd,
  vmmPids,
} from '../fixture.js';
import { makeQemuFolders, registerQemu, startQemuApp } from '../qemu-fixture.js';

interface Context {
  folders: Folders;
  app: App;
  started: ChildProcess[];
}

const SUITE = 'adoption of running QEMUs';
const cache = findInCache();
const found = { '10.0': cache.qemu('10.0', 'x86_64'), '11.1': cache.qemu('11.1', 'x86_64') };
const missing = Object.values(found).find((each) => 'missing' in each);

function binary(version: QemuVersion): string {
  const each = found[version];
  return 'missing' in each ? '' : (each.argvPrefix[0] ?? '');
}

const test = suite<Context>(SUITE);

test.before.each(async (context) => {
  context.folders = await makeQemuFolders('x86_64');
  context.app = await startQemuApp(context.folders);
  context.started = [];
});

test.after.each(async ({ folders, app, started }) => {
  for (const child of started) child.kill('SIGKILL');
  await tearDown(folders, app);
});

const SHARED_MEMORY = [
  ...['-M', 'q35,accel=tcg,memory-backend=mem,aux-ram-share=on'],
  ...['-object', 'memory-backend-memfd,id=mem,size=64M,share=on'],
];

/** With relative paths, old and new ways of writing, and a log that all its successors write to. */
async function startQemu({ folders, started }: Context, memory = SHARED_MEMORY, more: string[] = []) {
  const args = [
    ...memory,
    ...['-m', '64', '-kernel', 'ticker.bin', '-display', 'none', '-nodefaults', '--no-user-config'],
    ...[
      '-chardev',
      'socket,id=s0,path=serial.sock,server,nowait,logfile=serial.log',
      '-serial',
      'chardev:s0',
    ],
    ...['--name', 'by-hand', '-pidfile', `${folders.path}/pid`],
    ...['-qmp', `unix:${folders.path}/qmp.sock,server,nowait`, ...more],
  ];
  const child = spawn(binary('10.0'), args, { cwd: folders.path, stdio: 'ignore' });
  started.push(child);
  await waitFor(() => existsSync(`${folders.path}/qmp.sock`), { what: 'the monitor of QEMU' });
  await ticksBeyond(folders, 0);
  return child;
}

/** The guest's own words, in the one log. */
function lines(folders: Folders): { ticks: number; pattern: string }[] {
  const path = `${folders.path}/serial.log`;
  if (!existsSync(path)) return [];
  const found = readFileSync(path, 'latin1').matchAll(/ticker: ticks=(\d+) .*pattern=(\w+)/g);
  return [...found].map(([, ticks, pattern]) => ({ ticks: Number(ticks), pattern: pattern ?? '' }));
}

async function ticksBeyond(folders: Folders, above: number): Promise<number> {
  const line = await waitFor(() => lines(folders).findLast(({ ticks }) => ticks > above), {
    deadlineMs: 20_000,
    what: `the guest to tick beyond ${above}`,
  });
  assert.ok(lines(folders).every(({ pattern }) => pattern === 'ok'));
  return line.ticks;
}

const adopt = (app: App, folders: Folders, name = 'found', socket = 'qmp.sock') =>
  call(app, 'POST', '/v1/machines/adopt', { name, qmpSocket: `${folders.path}/${socket}` });

async function adopted(context: Context): Promise<string> {
  const { status, body } = await adopt(context.app, context.folders);
  assert.is(status, 201, JSON.stringify(body));
  return body.id;
}

async function machine(app: App, id: string) {
  return (await call(app, 'GET', `/v1/machines/${id}`)).body;
}

interface Report {
  readonly verdict: string;
  readonly findings: readonly { code: string; severity: string; sentence: string }[];
}

async function preflight(app: App, id: string, build: string): Promise<Report> {
  const { status, body } = await call(app, 'POST', `/v1/machines/${id}/preflight`, { build });
  assert.is(status, 200, JSON.stringify(body));
  return body;
}

/** What the newest process was started with, its own generation's paths made equal. */
function argumentsOf(folders: Folders, id: string, generation: number): string[] {
  const [pid = 0] = vmmPids(folders);
  const own = `${folders.runtimeDir}/${id.slice(0, 8)}/${generation}`;
  const text = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll(own, '<own>');
  return text.replaceAll(`machines/${id}/${generation}`, '<logs>').split('\0');
}

if (missing !== undefined && 'missing' in missing) {
  skipSuite(SUITE, missing.missing);
} else {
  test('it is shown as what it is, and goes to newer builds live, also after a restart', async (context) => {
    const { app, folders } = context;
    const old = await registerQemu(app, folders, 'old', binary('10.0'));
    const child = await startQemu(context);
    const before = await ticksBeyond(folders, 0);
    const id = await adopted(context);
    const shown = await machine(app, id);
    assert.equal([shown.state, shown.build, shown.generation], ['running', old, 1]);
    const { memoryMiB, vcpus, machineType, architecture, accelerator, kernel } = shown.spec;
    assert.equal([memoryMiB, vcpus, machineType], [64, 1, 'pc-q35-10.0']);
    assert.equal([architecture, accelerator, kernel], ['x86_64', 'tcg', folders.kernel]);
    assert.is(shown.adopted.folder, folders.path);
    assert.ok(shown.adopted.args.includes('by-hand') && !shown.adopted.args.includes('-L'));

    const next = await registerQemu(app, folders, 'next', binary('11.1'));
    const { findings } = await preflight(app, id, next);
    assert.equal(
      findings.filter(({ severity }) => severity === 'block'),
      [],
    );
    const first = await upgradeEnd(app, id, { build: next });
    assert.is(first.state, 'succeeded', JSON.stringify(first.reason));
    assert.is(first.mode, 'cpr-transfer');
    await waitFor(() => child.exitCode !== null, { what: 'the adopted process to have quit' });
    const after = await ticksBeyond(folders, before + 100);
    const client = await QmpClient.connect(`${folders.path}/qmp.sock`, { deadlineMs: 5_000 });
    assert.equal(await client.execute('query-name'), { name: 'by-hand' });
    client.close();
    const line = argumentsOf(folders, id, 2);
    assert.not.ok(line.some((argument) => argument === '-pidfile' || argument === 'nowait'));

    await app.close(5_000);
    context.app = await startQemuApp(folders);
    const other = await registerQemu(context.app, folders, 'other', binary('11.1'));
    const second = await upgradeEnd(context.app, id, { build: other });
    assert.is(second.state, 'succeeded', JSON.stringify(second.reason));
    await ticksBeyond(folders, after + 100);
    assert.equal(argumentsOf(folders, id, 3).slice(1), line.slice(1));
    assert.match(readlinkSync(`${folders.path}/serial.sock`), /\/3\/s0\.sock$/);
    const ticks = lines(folders).map((each) => each.ticks);
    assert.equal(
      ticks,
      [...new Set(ticks)].sort((a, b) => a - b),
      'lines are lost or doubled',
    );

    await perform(context.app, `/v1/machines/${id}/kill`);
    assert.is((await call(context.app, 'DELETE', `/v1/machines/${id}`)).status, 204);
    assert.not.ok(existsSync(`${folders.path}/qmp.sock`));
  });

  test('a daemon that restarts finds the adopted process itself again', async (context) => {
    const { folders } = context;
    await registerQemu(context.app, folders, 'old', binary('10.0'));
    await startQemu(context);
    const id = await adopted(context);
    await context.app.close(5_000);
    context.app = await startQemuApp(folders);
    assert.is((await machine(context.app, id)).state, 'running');
    const next = await registerQemu(context.app, folders, 'next', binary('11.1'));
    assert.is((await upgradeEnd(context.app, id, { build: next })).state, 'succeeded');
  });

  test('it is paused, resumed and killed, and its end is noticed', async (context) => {
    const { app, folders } = context;
    await registerQemu(app, folders, 'old', binary('10.0'));
    const child = await startQemu(context);
    const id = await adopted(context);
    await perform(app, `/v1/machines/${id}/pause`);
    assert.is((await machine(app, id)).state, 'paused');
    const ticks = lines(folders).at(-1)?.ticks ?? 0;
    await perform(app, `/v1/machines/${id}/resume`);
    await ticksBeyond(folders, ticks);
    child.kill('SIGKILL');
    await waitFor(async () => (await machine(app, id)).state === 'crashed', {
      what: 'its end to be noticed',
    });
  });

  test('one whose memory cannot be handed over can after one cold restart', async (context) => {
    const { app, folders } = context;
    await registerQemu(app, folders, 'old', binary('10.0'));
    await startQemu(context, ['-machine', 'q35,accel=tcg']);
    const id = await adopted(context);
    const next = await registerQemu(app, folders, 'next', binary('11.1'));
    const refused = await upgradeEnd(app, id, { build: next });
    assert.is(refused.state, 'rolled-back');
    assert.is(refused.reason.step, 'preflight');
    const { verdict, findings } = await preflight(app, id, next);
    assert.is(verdict, 'needs-cold-restart');
    assert.ok(findings.some(({ code }) => code === 'memory_not_shared'));
    await ticksBeyond(folders, lines(folders).at(-1)?.ticks ?? 0);
    await perform(app, `/v1/machines/${id}/stop`, { powerdownMs: 0 });
    const before = lines(folders).length;
    await perform(app, `/v1/machines/${id}/start`);
    await waitFor(() => lines(folders).length > before, { what: 'the guest to boot again' });
    const upgrade = await upgradeEnd(app, id, { build: next });
    assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
  });

  test('what no second process could have beside the first is named before anything moves', async (context) => {
    const { app, folders } = context;
    await registerQemu(app, folders, 'old', binary('10.0'));
    await startQemu(context, SHARED_MEMORY, ['-netdev', 'user,id=n,hostfwd=tcp:127.0.0.1:0-:22']);
    const id = await adopted(context);
    const next = await registerQemu(app, folders, 'next', binary('11.1'));
    const { verdict, findings } = await preflight(app, id, next);
    assert.is(verdict, 'cannot-upgrade');
    const blocking = findings.find(({ severity }) => severity === 'block');
    assert.is(blocking?.code, 'adopted_not_shareable');
    assert.match(blocking?.sentence ?? '', /hostfwd.* holds a port/);
    assert.is((await upgradeEnd(app, id, { build: next })).reason.step, 'preflight');
    assert.is((await call(app, 'PATCH', `/v1/machines/${id}`, { vcpus: 2 })).body.code, 'wrong_state');
  });

  test('released it runs on, untouched, and can be adopted again; deleted it cannot be', async (context) => {
    const { app, folders } = context;
    await registerQemu(app, folders, 'old', binary('10.0'));
    await startQemu(context);
    const id = await adopted(context);
    const again = await adopt(app, folders, 'again');
    assert.is(again.body.code, 'already_managed');
    assert.match(again.body.detail, /is machine found of this daemon/);
    assert.is((await call(app, 'DELETE', `/v1/machines/${id}`)).body.code, 'wrong_state');
    assert.is((await call(app, 'POST', `/v1/machines/${id}/release`)).status, 204);
    assert.is((await call(app, 'GET', `/v1/machines/${id}`)).status, 404);
    await ticksBeyond(folders, lines(folders).at(-1)?.ticks ?? 0);
    const next = await waitFor(
      async () => {
        const { status, body } = await adopt(app, folders);
        return status === 201 ? body.id : null;
      },
      { what: 'QEMU to take another client' },
    );
    assert.is((await machine(app, next)).state, 'running');
  });

  test('one process is one machine, also for two requests at once', async (context) => {
    const { app, folders } = context;
    await registerQemu(app, folders, 'old', binary('10.0'));
    await startQemu(context, SHARED_MEMORY, ['-qmp', 'unix:second.sock,server=on,wait=off']);
    const answers = await Promise.all([
      adopt(app, folders, 'one'),
      adopt(app, folders, 'two', 'second.sock'),
    ]);
    assert.equal(answers.map(({ status }) => status).sort(), [201, 409]);
    const third = await adopt(app, folders, 'three', answers[0]?.status === 201 ? 'second.sock' : 'qmp.sock');
    assert.is(third.body.code, 'already_managed');
    assert.match(third.body.detail, /is machine (one|two) of this daemon/);
  });

  test('a QEMU of a build that is not known is registered by its program, or asks for its wrapper', async (context) => {
    const { app, folders } = context;
    await startQemu(context);
    const { body } = await adopt(app, folders);
    assert.is(body.code, 'not_adoptable');
    assert.match(body.detail, /started by a wrapper that is not registered .*qemu-system-x86_64/);
  });

  test('whatever is no monitor of a QEMU is refused, in time', async (context) => {
    const { app, folders } = context;
    const refused = async (socket: string, words: RegExp) => {
      const { status, body } = await adopt(app, folders, 'none', socket);
      assert.is(status, 422, JSON.stringify(body));
      assert.is(body.code, 'not_adoptable');
      assert.match(body.detail, words);
    };
    await refused('none.sock', /ENOENT/);
    writeFileSync(`${folders.path}/file`, '');
    await refused('file', /ECONNREFUSED|ENOTSOCK/);
    const silent = createServer().listen(`${folders.path}/silent.sock`);
    await refused('silent.sock', /serves one client at a time/);
    silent.close();
    const talker = createServer((socket) => socket.on('error', () => undefined).end('hello\n')).listen(
      `${folders.path}/talker.sock`,
    );
    await refused('talker.sock', /talker\.sock, but/);
    talker.close();
    assert.is((await call(app, 'POST', '/v1/machines/adopt', { name: 'x' })).body.code, 'invalid_request');
    assert.equal((await call(app, 'GET', '/v1/machines')).body.machines, []);
  });

  test('a baton-vmm is refused, whether it is of this daemon or not', async (context) => {
    const { folders } = context;
    await context.app.close(5_000);
    const own = { ...folders, vmm: installVmm(`${folders.path}/vmm-1`) };
    writeFileSync(own.kernel, (await import('../../guests/ticker.js')).ticker({ patternMiB: 2 }).bytes);
    context.app = await startApp(own);
    const id = await createRunning(context.app, own);
    const { body } = await call(context.app, 'GET', `/v1/machines/${id}/instances`);
    symlinkSync(body.instances[0].qmpSocket, `${folders.path}/own.sock`);
    assert.is((await adopt(context.app, folders, 'x', 'own.sock')).body.code, 'already_managed');
    const other = { ...folders, stateDir: `${folders.path}/s2`, runtimeDir: `${folders.path}/r2` };
    await context.app.close(5_000);
    context.app = await startQemuApp(other);
    const answer = await adopt(context.app, folders, 'x', 'own.sock');
    assert.is(answer.body.code, 'not_adoptable');
    assert.match(answer.body.detail, /which is no QEMU/);
    assert.is(new LinuxProcesses().findByArgument(`unix:${folders.runtimeDir}/`).length, 1);
  });
}

test.run();
