/** Machines that become files and go on later, on real QEMU under the daemon. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statfsSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import { findInCache, type QemuVersion } from '../../fetch/cache.js';
import { skipSuite } from '../../helpers/skip.js';
import { waitFor } from '../../helpers/wait.js';
import { call, type Folders, operationEnd, perform, tearDown, ticksOf, vmmPids } from '../fixture.js';
import { makeQemuFolders, registerQemu, registerWrapper, runOnQemu, startQemuApp } from '../qemu-fixture.js';

interface Context {
  folders: Folders;
  app: App;
  id: string;
  old: string;
  new: string;
  atMoment: (moment: string) => void;
}

const SUITE = 'suspend and restore of real QEMU';
const MIB = 1024 * 1024;
const cache = findInCache();
const missing = [cache.qemu('10.0', 'x86_64'), cache.qemu('11.1', 'x86_64')].find(
  (qemu) => 'missing' in qemu,
);

function binary(version: QemuVersion): string {
  const qemu = cache.qemu(version, 'x86_64');
  return 'missing' in qemu ? '' : (qemu.argvPrefix[0] ?? '');
}

const test = suite<Context>(SUITE);

const start = (context: Context) =>
  startQemuApp(context.folders, { journalObserver: (moment) => context.atMoment(moment) });

test.before.each(async (context) => {
  context.atMoment = () => undefined;
  context.folders = await makeQemuFolders('x86_64');
  context.app = await start(context);
  context.old = await registerQemu(context.app, context.folders, 'old', binary('10.0'));
  context.new = await registerQemu(context.app, context.folders, 'new', binary('11.1'));
});

test.after.each(({ folders, app }) => tearDown(folders, app));

/** Returns how far the guest has counted. */
async function run(context: Context, build: string, more = {}): Promise<number> {
  context.id = await runOnQemu(context.app, context.folders, build, { machineType: 'pc-q35-10.0', ...more });
  return ticksOf(context.folders, context.id, 1, 100);
}

const pathOf = ({ id }: Context, action: string) => `/v1/machines/${id}/${action}`;
const ask = (context: Context, action: string, body?: object) =>
  perform(context.app, pathOf(context, action), body);
const machineOf = async ({ app, id }: Context) => (await call(app, 'GET', `/v1/machines/${id}`)).body;
const folderOf = ({ folders, id }: Context) => `${folders.stateDir}/machines/${id}/saved`;

/** The operation as it has ended. */
async function end(context: Context, action: string, body?: object) {
  const { headers } = await call(context.app, 'POST', pathOf(context, action), body);
  return operationEnd(context.app, String(headers.location));
}

async function refused(context: Context, action: string, body?: object): Promise<[number, string, string]> {
  const { status, body: problem } = await call(context.app, 'POST', pathOf(context, action), body);
  return [status, problem.code, problem.detail];
}

for (const [from, to] of [
  ['old', 'new'],
  ['new', 'old'],
] as const) {
  test(`a guest goes on where it was, from the ${from} build on the ${to} one`, async (context) => {
    const { folders } = context;
    const disk = `${folders.path}/disk`;
    writeFileSync(disk, Buffer.alloc(MIB));
    const before = await run(context, context[from], { disks: [{ path: disk }] });

    await ask(context, 'suspend');

    const suspended = await machineOf(context);
    assert.equal([suspended.state, suspended.desiredPower], ['suspended', 'suspended']);
    assert.is(suspended.savedState.build, context[from]);
    assert.is(suspended.savedState.wasRunning, true);
    assert.ok(suspended.savedState.bytes > 100_000);
    assert.equal(vmmPids(folders), []);
    assert.equal(readdirSync(folderOf(context)), ['state']);

    await ask(context, 'restore', { build: context[to] });

    const machine = await machineOf(context);
    assert.equal([machine.state, machine.build, machine.generation], ['running', context[to], 2]);
    assert.is(machine.builds.startsOn, context[to]);
    assert.is(machine.savedState, null);
    assert.not(existsSync(folderOf(context)));
    await ticksOf(folders, context.id, 2, before);
    assert.is(vmmPids(folders).length, 1);
  });
}

test('what is suspended outlives the daemon, its runtime folder and all processes', async (context) => {
  const before = await run(context, context.old);
  await ask(context, 'suspend');
  await context.app.close(10_000);
  rmSync(context.folders.runtimeDir, { recursive: true });
  context.folders = { ...context.folders, runtimeDir: `${context.folders.path}/other` };

  context.app = await start(context);

  assert.is((await machineOf(context)).state, 'suspended');
  await ask(context, 'restore');
  const machine = await machineOf(context);
  assert.equal([machine.state, machine.build], ['running', context.old]);
  await ticksOf(context.folders, context.id, 2, before);
});

test('a paused machine is paused again, and goes on when it is resumed', async (context) => {
  const before = await run(context, context.new);
  await ask(context, 'pause');
  await ask(context, 'suspend');
  assert.is((await machineOf(context)).savedState.wasRunning, false);
  await ask(context, 'restore');
  assert.is((await machineOf(context)).state, 'paused');
  await ask(context, 'resume');
  await ticksOf(context.folders, context.id, 2, before);
});

test('a suspended machine refuses what would lose its guest, and can be discarded', async (context) => {
  const { app, folders } = context;
  await run(context, context.old);
  await ask(context, 'suspend');
  for (const action of ['start', 'stop', 'kill', 'pause', 'resume', 'upgrade']) {
    const [status, code, detail] = await refused(context, action);
    assert.equal([status, code], [409, 'wrong_state'], action);
    assert.match(detail, /restore it, or discard its saved state/);
  }
  assert.is((await call(app, 'DELETE', `/v1/machines/${context.id}`)).status, 409);
  assert.is((await call(app, 'PATCH', `/v1/machines/${context.id}`, { memoryMiB: 128 })).status, 409);
  assert.is((await call(app, 'DELETE', `/v1/builds/${context.old}`)).body.code, 'build_in_use');
  await ask(context, 'suspend');

  await ask(context, 'discard');

  const machine = await machineOf(context);
  assert.equal([machine.state, machine.savedState], ['stopped', null]);
  assert.not(existsSync(folderOf(context)));
  assert.equal((await refused(context, 'restore')).slice(0, 2), [409, 'wrong_state']);
  await ask(context, 'start');
  await ticksOf(folders, context.id, 2, 0);
});

const DAMAGE = {
  'is gone': { harm: (path: string) => renameSync(path, `${path}.away`), code: 'saved_state_broken' },
  'was cut': { harm: (path: string) => truncateSync(path, 100_000), code: 'saved_state_broken' },
} as const;

for (const [what, { harm, code }] of Object.entries(DAMAGE)) {
  test(`a state that ${what} is not restored, and the machine stays suspended`, async (context) => {
    await run(context, context.old);
    await ask(context, 'suspend');
    harm(`${folderOf(context)}/state`);
    const operation = await end(context, 'restore');
    assert.equal([operation.state, operation.error.code], ['failed', code]);
    const machine = await machineOf(context);
    assert.equal([machine.state, machine.desiredPower], ['suspended', 'suspended']);
    assert.equal(vmmPids(context.folders), []);
  });
}

test('a state that the VMM refuses stays, and is restored by one that takes it', async (context) => {
  const { app, folders } = context;
  const before = await run(context, context.old);
  await ask(context, 'suspend');
  const lines = ['case " $* " in *" -incoming "*) set -- "$@" -machine pc-q35-9.2 ;; esac'];
  const bad = await registerWrapper(app, folders, 'bad', { binary: binary('11.1'), lines });

  const operation = await end(context, 'restore', { build: bad });

  assert.is(operation.state, 'failed');
  assert.is(operation.error.code, 'restore_failed');
  assert.match(operation.error.detail, /local is 'pc-q35-9.2'/);
  assert.is((await machineOf(context)).state, 'suspended');
  assert.equal(vmmPids(folders), []);
  await ask(context, 'restore');
  await ticksOf(folders, context.id, 3, before);
});

test('a disk that another VMM holds keeps the guest from running, and it stays suspended', async (context) => {
  const { app, folders } = context;
  const disk = `${folders.path}/disk`;
  writeFileSync(disk, Buffer.alloc(MIB));
  const before = await run(context, context.old, { disks: [{ path: disk }] });
  await ask(context, 'suspend');
  const thief = await runOnQemu(app, folders, context.old, { name: 'thief', disks: [{ path: disk }] });

  const operation = await end(context, 'restore');

  assert.is(operation.state, 'failed');
  assert.match(operation.error.detail, /Failed to get "write" lock/);
  const { state, generation } = await machineOf(context);
  assert.equal([state, generation], ['suspended', 1]);
  await perform(app, `/v1/machines/${thief}/kill`);
  await ask(context, 'restore');
  await ticksOf(folders, context.id, 3, before);
});

test('a build that is no more is told, and another one named restores', async (context) => {
  const { app, folders } = context;
  const before = await run(context, context.old);
  await ask(context, 'suspend');
  rmSync(`${folders.path}/old`);
  assert.is((await end(context, 'restore')).error.code, 'build_changed');
  const named = { build: 'qemu-0-unknown' };
  assert.equal((await refused(context, 'restore', named)).slice(0, 2), [404, 'build_not_found']);
  assert.is((await call(app, 'GET', `/v1/machines/${context.id}`)).body.state, 'suspended');
  await ask(context, 'restore', { build: context.new });
  await ticksOf(folders, context.id, 2, before);
});

test('a build that an update of the host has replaced is the updated one', async (context) => {
  const { app, folders } = context;
  const before = await run(context, context.old);
  await ask(context, 'suspend');
  rmSync(`${folders.path}/old`);
  symlinkSync(binary('11.1'), `${folders.path}/old`);
  await ask(context, 'restore');
  const { build } = await machineOf(context);
  assert.is.not(build, context.old);
  const { body } = await call(app, 'GET', '/v1/builds');
  const { path } = body.builds.find(({ id }: { id: string }) => id === build);
  assert.is(path, `${folders.path}/old`);
  await ticksOf(folders, context.id, 2, before);
});

/** Mounting a small disk needs root. */
const testOnSmallDisk = process.getuid?.() === 0 ? test : test.skip;

testOnSmallDisk(
  'a disk that becomes full while the guest is saved has it go on, and no file stays',
  async (context) => {
    const { app, folders } = context;
    const { body: machine } = await call(app, 'POST', '/v1/machines', {
      name: 'guest',
      memoryMiB: 64,
      kernel: folders.kernel,
      build: context.new,
      accelerator: 'tcg',
    });
    context.id = machine.id;
    const disk = `${folders.stateDir}/machines/${machine.id}`;
    mkdirSync(disk, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=100m', 'none', disk]);
    try {
      await ask(context, 'start');
      const before = await ticksOf(folders, machine.id, 1, 100);
      context.atMoment = (moment) => {
        if (moment !== 'suspend:ready') return;
        const { bavail, bsize } = statfsSync(disk);
        writeFileSync(`${disk}/filler`, Buffer.alloc(bavail * bsize - 64 * 1024));
      };
      const operation = await end(context, 'suspend');
      assert.equal([operation.state, operation.error.code], ['failed', 'suspend_failed']);
      assert.match(operation.error.detail, /source: .*; the guest goes on/);
      assert.not(existsSync(folderOf(context)));
      rmSync(`${disk}/filler`);
      await ticksOf(folders, machine.id, 1, before + 100);
      context.atMoment = () => undefined;
      await ask(context, 'suspend');
      await ask(context, 'restore');
      await ticksOf(folders, machine.id, 2, before);
      await ask(context, 'kill');
    } finally {
      execFileSync('umount', ['-l', disk]);
    }
  },
);

test('a source that dies while it is saved leaves no state and a crashed machine', async (context) => {
  await run(context, context.old);
  context.atMoment = (moment) => {
    if (moment === 'suspend:saving') for (const pid of vmmPids(context.folders)) process.kill(pid, 'SIGKILL');
  };
  const operation = await end(context, 'suspend');
  assert.equal([operation.state, operation.error.code], ['failed', 'suspend_failed']);
  assert.is((await machineOf(context)).state, 'crashed');
  assert.not(existsSync(folderOf(context)));
});

test('a save that takes too long is given up, and the guest goes on', async (context) => {
  const { folders } = context;
  const before = await run(context, context.old);
  context.atMoment = (moment) => {
    const [pid] = vmmPids(folders);
    if (moment !== 'suspend:ready' || pid === undefined) return;
    process.kill(pid, 'SIGSTOP');
    setTimeout(() => process.kill(pid, 'SIGCONT'), 1_500);
  };
  Object.assign(context.app.services.deadlinesMs, { suspend: 1_000 });
  const operation = await end(context, 'suspend');
  assert.equal([operation.state, operation.error.code], ['failed', 'suspend_failed']);
  assert.match(operation.error.detail, /expected the guest to be saved within 1000 ms; the guest goes on/);
  const machine = await machineOf(context);
  assert.equal([machine.state, machine.desiredPower], ['running', 'running']);
  assert.not(existsSync(folderOf(context)));
  await ticksOf(folders, context.id, 1, before + 100);
  Object.assign(context.app.services.deadlinesMs, { suspend: 30_000 });
  context.atMoment = () => undefined;
  await ask(context, 'suspend');
});

for (const moment of ['suspend:saving', 'suspend:kept']) {
  test(`a kill at ${moment} leaves a stopped machine and no state`, async (context) => {
    const { app, folders } = context;
    await run(context, context.old);
    let killed = '';
    context.atMoment = (now) => {
      if (now !== moment || killed !== '') return;
      killed = app.supervisor.actor(context.id).kill().id;
    };
    const operation = await end(context, 'suspend');
    assert.is(operation.state, 'cancelled');
    assert.is((await operationEnd(app, `/v1/operations/${killed}`)).state, 'succeeded');
    assert.is((await machineOf(context)).state, 'stopped');
    assert.equal([vmmPids(folders).length, existsSync(folderOf(context))], [0, false]);
  });
}

test('a kill while it is restored leaves it suspended', async (context) => {
  const { app, folders } = context;
  const before = await run(context, context.old);
  await ask(context, 'suspend');
  let killed = '';
  context.atMoment = (now) => {
    if (now === 'restore:loaded' && killed === '') killed = app.supervisor.actor(context.id).kill().id;
  };
  assert.is((await end(context, 'restore')).state, 'cancelled');
  await operationEnd(app, `/v1/operations/${killed}`);
  assert.is((await machineOf(context)).state, 'suspended');
  assert.equal(vmmPids(folders), []);
  context.atMoment = () => undefined;
  await ask(context, 'restore');
  await ticksOf(folders, context.id, 3, before);
});

test('all machines of the host are suspended, and restored, in one call each', async (context) => {
  const { app, folders } = context;
  const ids: string[] = [];
  for (const name of ['a', 'b', 'c']) ids.push(await runOnQemu(app, folders, context.new, { name }));
  const { body: stopped } = await call(app, 'POST', '/v1/machines', {
    name: 'd',
    memoryMiB: 64,
    kernel: folders.kernel,
    build: context.new,
  });
  const before = await Promise.all(ids.map((id) => ticksOf(folders, id, 1, 0)));
  await perform(app, `/v1/machines/${ids[2]}/pause`);
  const all = async (action: string) => {
    const { status, body } = await call(app, 'POST', `/v1/host/${action}`);
    assert.equal([status, body.refused], [202, []]);
    const machines = body.operations.map(({ machine }: { machine: string }) => machine);
    assert.equal(machines.sort(), [...ids].sort());
    for (const { id } of body.operations) {
      const { state, error } = await operationEnd(app, `/v1/operations/${id}`, 60_000);
      assert.is(state, 'succeeded', JSON.stringify(error));
    }
  };

  await all('suspend');
  assert.equal(vmmPids(folders), []);
  await all('restore');

  const { body } = await call(app, 'GET', '/v1/machines');
  const states = Object.fromEntries(
    body.machines.map(({ name, state }: Record<string, string>) => [name, state]),
  );
  assert.equal(states, { a: 'running', b: 'running', c: 'paused', d: 'stopped' });
  assert.is(stopped.state, 'stopped');
  await Promise.all([0, 1].map((index) => ticksOf(folders, ids[index] ?? '', 2, before[index] ?? 0)));
  const nothing = await call(app, 'POST', '/v1/host/restore');
  assert.equal(nothing.body, { operations: [], refused: [] });
});

test('what the disk has no room for is refused before the guest stands still', async (context) => {
  const { app, folders } = context;
  const before = await run(context, context.old);
  const { spec } = app.services.store.machines.byId(context.id) ?? {};
  const memoryMiB = 16_777_216;
  /* What the guest has is on its VMM's line already; the document only says how much could be written. */
  app.services.store.durably(() =>
    app.services.store.machines.update(context.id, { spec: { ...spec, memoryMiB } as never }),
  );
  const operation = await end(context, 'suspend');
  assert.equal([operation.state, operation.error.code], ['failed', 'state_has_no_room']);
  assert.is((await machineOf(context)).state, 'running');
  await ticksOf(folders, context.id, 1, before + 100);
});

test('events tell of the way into the file and out of it', async (context) => {
  await run(context, context.new);
  await ask(context, 'suspend');
  await ask(context, 'restore');
  const seen = await waitFor(
    async () => {
      const { body } = await call(context.app, 'GET', '/v1/events?after=0&limit=1000');
      const states = body.events
        .filter(({ type }: { type: string }) => type === 'baton.machine.state-changed')
        .map(({ data }: { data: { state: string } }) => data.state);
      return states.at(-1) === 'running' && states.includes('suspended') ? states : null;
    },
    { what: 'the events' },
  );
  assert.equal(seen, ['starting', 'running', 'suspended', 'running']);
});

if (missing !== undefined && 'missing' in missing) skipSuite(SUITE, missing.missing);
else test.run();
