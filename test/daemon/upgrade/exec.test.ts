/** cpr-exec of real QEMU 11.1 under the daemon: the process stays, its program is another one. */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import { QmpClient } from '../../../daemon/instance/qmp-client.js';
import { findInCache, type QemuTarget } from '../../fetch/cache.js';
import { skipSuite } from '../../helpers/skip.js';
import {
  call,
  type Folders,
  keeperPids,
  perform,
  tearDown,
  ticksOf,
  upgradeEnd,
  vmmPids,
} from '../fixture.js';
import {
  atTakeOver,
  makeQemuFolders,
  registerQemu,
  registerWrapper,
  runOnQemu,
  startQemuApp,
} from '../qemu-fixture.js';

interface Context {
  folders: Folders;
  app: App;
  id: string;
  source: string;
  target: string;
  atMoment: (moment: string) => void;
  deadlinesMs: Record<string, number>;
}

const SUITE = 'cpr-exec of real QEMU';
const cache = findInCache();
const found = { riscv64: cache.qemu('11.1', 'riscv64'), x86_64: cache.qemu('11.1', 'x86_64') };
const missing = Object.values(found).find((qemu) => 'missing' in qemu);

function binary(target: QemuTarget): string {
  const qemu = found[target];
  return 'missing' in qemu ? '' : (qemu.argvPrefix[0] ?? '');
}

const test = suite<Context>(SUITE);

async function begin(context: Context, architecture: QemuTarget): Promise<Context> {
  context.atMoment = () => undefined;
  context.deadlinesMs = {};
  context.folders = await makeQemuFolders(architecture);
  context.app = await startQemuApp(context.folders, {
    deadlinesMs: context.deadlinesMs,
    journalObserver: (moment) => context.atMoment(moment),
  });
  const { app, folders } = context;
  context.source = await registerQemu(app, folders, 'one', binary(architecture));
  context.target = await registerQemu(app, folders, 'other', binary(architecture));
  context.id = await runOnQemu(app, folders, context.source);
  return context;
}

test.after.each(({ folders, app }) => tearDown(folders, app));

const exec = ({ app, id }: Context, build: string) => upgradeEnd(app, id, { build, mode: 'cpr-exec' });
const machineOf = async ({ app, id }: Context) => (await call(app, 'GET', `/v1/machines/${id}`)).body;
const instanceOf = async ({ app, id }: Context, generation: number) =>
  (await call(app, 'GET', `/v1/machines/${id}/instances`)).body.instances[generation - 1];

/** A monitor has one client at a time: the daemon goes away for a moment. */
async function parametersOf(context: Context, generation: number): Promise<Record<string, unknown>> {
  const { qmpSocket } = await instanceOf(context, generation);
  await context.app.close(10_000);
  const client = await QmpClient.connect(qmpSocket, { deadlineMs: 5_000 });
  const parameters = await client.execute<Record<string, unknown>>('query-migrate-parameters');
  client.close();
  context.app = await startQemuApp(context.folders);
  return parameters;
}

const stateOf = async (context: Context): Promise<string> => (await machineOf(context)).state;

function nothingIsLeft({ app, folders, id }: Context): void {
  assert.is(vmmPids(folders).length, 1, 'one VMM');
  assert.equal(keeperPids(folders), [], 'no keeper');
  assert.not(existsSync(`${folders.runtimeDir}/${id.slice(0, 8)}/u2`), 'no state');
  const { instances } = app.services.store;
  for (const { socketsDir, state } of instances.ofMachine(id)) {
    assert.is(existsSync(socketsDir), state === 'alive', `sockets in ${socketsDir}`);
  }
}

for (const architecture of ['x86_64', 'riscv64'] as const) {
  test(`${architecture}: the same process runs another build, and then the first again`, async (context) => {
    const { folders, id, source, target } = await begin(context, architecture);
    const pids = vmmPids(folders);
    const before = await ticksOf(folders, id, 1, 100);

    const upgrade = await exec(context, target);

    assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
    assert.is(upgrade.mode, 'cpr-exec');
    assert.ok(upgrade.pauseMs > 0 && upgrade.pauseMs < 5_000, `a pause of ${upgrade.pauseMs} ms`);
    assert.equal(vmmPids(folders), pids);
    const after = await ticksOf(folders, id, 2, before);
    const machine = await machineOf(context);
    assert.equal([machine.state, machine.build, machine.generation], ['running', target, 2]);
    const { state, endReason } = await instanceOf(context, 1);
    assert.equal([state, endReason], ['gone', 'its process runs generation 2 now']);
    nothingIsLeft(context);

    const again = await exec(context, source);

    assert.is(again.state, 'succeeded', JSON.stringify(again.reason));
    assert.equal(vmmPids(folders), pids);
    await ticksOf(folders, id, 3, after);
    nothingIsLeft(context);
  });
}

test('a paused machine stays paused, and goes on when it is resumed', async (context) => {
  const { app, folders, id, target } = await begin(context, 'x86_64');
  const before = await ticksOf(folders, id, 1, 100);
  await perform(app, `/v1/machines/${id}/pause`);

  const upgrade = await exec(context, target);

  assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
  assert.is(upgrade.pauseMs, null);
  assert.is(await stateOf(context), 'paused');
  await perform(app, `/v1/machines/${id}/resume`);
  await ticksOf(folders, id, 2, before);
  nothingIsLeft(context);
});

test('the new program may be a command that runs it in the end', async (context) => {
  const { app, folders, id } = await begin(context, 'riscv64');
  const target = await registerWrapper(app, folders, 'wrapped', {
    binary: binary('riscv64'),
    lines: ['BATON_TEST=1; export BATON_TEST'],
  });
  const before = await ticksOf(folders, id, 1, 100);
  const upgrade = await exec(context, target);
  assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
  await ticksOf(folders, id, 2, before);
  nothingIsLeft(context);
});

const FAILURES = [
  { what: 'exits at once', act: 'echo no such luck >&2; exit 7', code: 'target_died', words: /exit code 7/ },
  { what: 'is killed by a fault', act: 'kill -SEGV $$', code: 'target_died', words: /signal SIGSEGV/ },
  { what: 'refuses its options', act: 'set -- "$@" -bogus', code: 'target_died', words: /exit code 1/ },
  { what: 'hangs before it has a monitor', act: 'exec sleep 3600', code: 'target_timeout', words: /load/ },
  {
    what: 'does not take the state',
    act: 'set -- "$@" -machine pc-q35-10.0',
    code: 'target_rejected',
    words: /Machine type received is 'pc-q35-11.1' and local is 'pc-q35-10.0'/,
  },
] as const;

for (const { what, act, code, words } of FAILURES) {
  test(`a new program that ${what} loses nothing: the old build takes the guest back`, async (context) => {
    const { app, folders, id, source, target } = await begin(context, 'x86_64');
    context.deadlinesMs.load = 3_000;
    const bad = await registerWrapper(app, folders, 'bad', {
      binary: binary('x86_64'),
      lines: atTakeOver(act),
    });
    const before = await ticksOf(folders, id, 1, 100);

    const upgrade = await exec(context, bad);

    assert.equal([upgrade.state, upgrade.reason.code], ['rolled-back', code], JSON.stringify(upgrade.reason));
    assert.match(upgrade.reason.message, words);
    assert.is(upgrade.restoredGeneration, 3);
    await ticksOf(folders, id, 3, before);
    const machine = await machineOf(context);
    assert.equal([machine.state, machine.build, machine.generation], ['running', source, 3]);
    nothingIsLeft(context);
    const next = await exec(context, target);
    assert.is(next.state, 'succeeded', JSON.stringify(next.reason));
  });
}

test('what the new program says on its way out is told', async (context) => {
  const { app, folders, id } = await begin(context, 'riscv64');
  const lines = atTakeOver('echo the stars are wrong >&2; exit 1');
  const bad = await registerWrapper(app, folders, 'bad', { binary: binary('riscv64'), lines });
  await ticksOf(folders, id, 1, 100);
  const upgrade = await exec(context, bad);
  assert.is(upgrade.state, 'rolled-back');
  assert.equal(upgrade.reason.vmmOutput, ['the stars are wrong']);
});

test('a paused machine whose new program dies is paused in the old build', async (context) => {
  const { app, folders, id } = await begin(context, 'riscv64');
  const lines = atTakeOver('exit 7');
  const bad = await registerWrapper(app, folders, 'bad', { binary: binary('riscv64'), lines });
  const before = await ticksOf(folders, id, 1, 100);
  await perform(app, `/v1/machines/${id}/pause`);
  const upgrade = await exec(context, bad);
  assert.is(upgrade.state, 'rolled-back', JSON.stringify(upgrade.reason));
  assert.is(await stateOf(context), 'paused');
  await perform(app, `/v1/machines/${id}/resume`);
  await ticksOf(folders, id, 3, before);
  nothingIsLeft(context);
});

test('a program that is gone when it should run leaves the source as it was', async (context) => {
  const { app, folders, id } = await begin(context, 'x86_64');
  const target = await registerWrapper(app, folders, 'gone', { binary: binary('x86_64') });
  context.atMoment = (moment) => {
    if (moment === 'begun:exec') rmSync(`${folders.path}/gone`);
  };
  const before = await ticksOf(folders, id, 1, 100);
  const upgrade = await exec(context, target);
  assert.equal([upgrade.state, upgrade.reason.code], ['rolled-back', 'exec_failed']);
  assert.match(upgrade.reason.message, /execvp .* failed/);
  assert.is(upgrade.restoredGeneration, null);
  await ticksOf(folders, id, 1, before + 100);
  const { mode, 'cpr-exec-command': command } = await parametersOf(context, 1);
  assert.equal([mode, command], ['normal', []]);
  nothingIsLeft(context);
  assert.is((await exec(context, context.target)).state, 'succeeded');
});

test('a build whose own file is gone is no way back: refused before anything is touched', async (context) => {
  const { folders, id } = await begin(context, 'riscv64');
  rmSync(`${folders.path}/one`);
  const upgrade = await exec(context, context.target);
  assert.equal([upgrade.state, upgrade.reason.code], ['rolled-back', 'preflight_blocked']);
  assert.is(upgrade.findings[0].code, 'source_binary_missing');
  await ticksOf(folders, id, 1, 0);
  nothingIsLeft(context);
});

test('a state that cannot be written leaves the source as it was', async (context) => {
  const { folders, id, target } = await begin(context, 'riscv64');
  context.atMoment = (moment) => {
    if (moment === 'begun:exec') mkdirSync(`${folders.runtimeDir}/${id.slice(0, 8)}/u2/state`);
  };
  const upgrade = await exec(context, target);
  assert.equal([upgrade.state, upgrade.reason.code], ['rolled-back', 'transfer_failed']);
  assert.match(upgrade.reason.message, /state.*Is a directory/);
  await ticksOf(folders, id, 1, 100);
  nothingIsLeft(context);
});

test('a target that freezes before it reads that it should run is given up', async (context) => {
  const { folders, id, target } = await begin(context, 'riscv64');
  const [pid = 0] = vmmPids(folders);
  context.atMoment = (moment) => {
    if (moment === 'begun:commit') process.kill(pid, 'SIGSTOP');
  };
  const before = await ticksOf(folders, id, 1, 100);
  const upgrade = await exec(context, target);
  assert.equal([upgrade.state, upgrade.reason.code], ['rolled-back', 'target_timeout']);
  await ticksOf(folders, id, 3, before);
  nothingIsLeft(context);
});

test('when the net is cut as well the guest is lost, and the upgrade says so', async (context) => {
  const { app, folders, id } = await begin(context, 'riscv64');
  const lines = atTakeOver('exit 7');
  const bad = await registerWrapper(app, folders, 'bad', { binary: binary('riscv64'), lines });
  context.atMoment = (moment) => {
    if (moment === 'begun:exec') for (const pid of keeperPids(folders)) process.kill(pid, 'SIGKILL');
  };
  const upgrade = await exec(context, bad);
  assert.equal(
    [upgrade.state, upgrade.reason.code],
    ['failed', 'source_died'],
    JSON.stringify(upgrade.reason),
  );
  assert.match(upgrade.reason.message, /exit code 7.*could not take the guest back: .*ECONNREFUSED/);
  const machine = await machineOf(context);
  assert.equal([machine.state, machine.stateReason], ['crashed', 'the VMM ended by itself (exit code 7)']);
  assert.equal([...vmmPids(folders), ...keeperPids(folders)], []);
  assert.equal(readdirSync(`${folders.runtimeDir}/${id.slice(0, 8)}`), []);
  await perform(app, `/v1/machines/${id}/start`);
});

test('a locked disk and a network card go along, and come back', async (context) => {
  const { app, folders, source, target } = await begin(context, 'x86_64');
  const disk = `${folders.path}/disk.raw`;
  writeFileSync(disk, Buffer.alloc(1024 * 1024));
  const hardware = { name: 'disk', disks: [{ path: disk }], nics: [{ kind: 'user' }] };
  const id = await runOnQemu(app, folders, source, hardware);
  const before = await ticksOf(folders, id, 1, 0);
  const isLocked = async (name: string) => {
    const thief = runOnQemu(app, folders, source, { name, disks: [{ path: disk }] });
    assert.match(await thief.then(String, String), /Failed to get \\?"write\\?" lock/);
  };

  const upgrade = await exec({ ...context, id }, target);

  assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
  await isLocked('first');
  const lines = atTakeOver('exit 7');
  const bad = await registerWrapper(app, folders, 'bad', { binary: binary('x86_64'), lines });
  const back = await exec({ ...context, id }, bad);
  assert.is(back.state, 'rolled-back', JSON.stringify(back.reason));
  await isLocked('second');
  await ticksOf(folders, id, back.restoredGeneration, before);
});

for (const moment of [
  'begun:prepare-source',
  'begun:hold-memory',
  'begun:exec',
  'paused',
  'begun:load',
  'acted:load',
  'begun:verify',
]) {
  test(`cancelled at ${moment}: the guest goes on in the old build`, async (context) => {
    const { app, folders, id, source, target } = await begin(context, 'riscv64');
    context.atMoment = (now) => {
      const operation = app.services.store.operations.running().find(({ kind }) => kind === 'upgrade');
      if (now === moment) setImmediate(() => app.supervisor.actor(id).cancel(operation?.id ?? ''));
    };
    const before = await ticksOf(folders, id, 1, 100);
    const upgrade = await exec(context, target);
    assert.is(upgrade.state, 'cancelled', JSON.stringify(upgrade.reason));
    const machine = await machineOf(context);
    assert.equal([machine.state, machine.build], ['running', source]);
    await ticksOf(folders, id, machine.generation, before);
    nothingIsLeft(context);
  });
}

if (missing !== undefined && 'missing' in missing) skipSuite(SUITE, missing.missing);
else test.run();
