/** cpr-exec of real QEMU 11.1 to programs that do not do: the guest goes on, its memory intact. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { QmpClient } from '../../../daemon/instance/qmp-client.js';
import { skipSuite } from '../../helpers/skip.js';
import { keeperPids, perform, ticksOf, vmmPids } from '../fixture.js';
import { registerQemu, runOnQemu } from '../qemu-fixture.js';
import {
  type ExecContext,
  endGuest,
  endSuite,
  exec,
  findQemu,
  goesOn,
  instanceOf,
  machineOf,
  misbehave,
  startApp,
  startGuest,
  startSuite,
} from './exec-fixture.js';

const SUITE = 'cpr-exec of real QEMU, failures';
const qemu = findQemu('x86_64');
const path = 'missing' in qemu ? '' : qemu.path;
const test = suite<ExecContext>(SUITE);

test.before((context) => startSuite(context, 'x86_64'));
test.before.each(startGuest);
test.after.each(endGuest);
test.after(endSuite);

/** A monitor has one client at a time: the daemon goes away for a moment. */
async function parametersOf(context: ExecContext, generation: number): Promise<Record<string, unknown>> {
  const { qmpSocket } = await instanceOf(context, generation);
  await context.app.close(10_000);
  const client = await QmpClient.connect(qmpSocket, { deadlineMs: 5_000 });
  const parameters = await client.execute<Record<string, unknown>>('query-migrate-parameters');
  client.close();
  await startApp(context);
  return parameters;
}

const FAILURES = [
  { what: 'exits at once', act: 'exit 7', code: 'target_died', words: /exit code 7/ },
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
    const { source, bad, folders, id, target } = context;
    context.deadlinesMs.load = 5_000;
    misbehave(context, act);

    const upgrade = await exec(context, bad);

    assert.equal([upgrade.state, upgrade.reason.code], ['rolled-back', code], JSON.stringify(upgrade.reason));
    assert.match(upgrade.reason.message, words);
    assert.is(upgrade.restoredGeneration, 3);
    const machine = await machineOf(context);
    assert.equal([machine.state, machine.build, machine.generation], ['running', source, 3]);
    await goesOn(context, 3);
    context.before = await ticksOf(folders, id, 3, 0);
    const next = await exec(context, target);
    assert.is(next.state, 'succeeded', JSON.stringify(next.reason));
    await goesOn(context, 4);
  });
}

test('what the new program says on its way out is told', async (context) => {
  misbehave(context, 'echo the stars are wrong >&2; exit 1');
  const upgrade = await exec(context, context.bad);
  assert.is(upgrade.state, 'rolled-back');
  assert.equal(upgrade.reason.vmmOutput, ['the stars are wrong']);
});

test('a paused machine whose new program dies is paused in the old build', async (context) => {
  const { app, id, bad } = context;
  misbehave(context, 'exit 7');
  await perform(app, `/v1/machines/${id}/pause`);
  const upgrade = await exec(context, bad);
  assert.is(upgrade.state, 'rolled-back', JSON.stringify(upgrade.reason));
  assert.is((await machineOf(context)).state, 'paused');
  await perform(app, `/v1/machines/${id}/resume`);
  await goesOn(context, 3);
});

test('a program that is gone when it should run leaves the source as it was', async (context) => {
  const { app, folders } = context;
  const gone = await registerQemu(app, folders, 'gone', path);
  context.atMoment = (moment) => {
    if (moment === 'begun:exec') rmSync(`${folders.path}/gone`, { force: true });
  };
  const upgrade = await exec(context, gone);
  assert.equal([upgrade.state, upgrade.reason.code], ['rolled-back', 'exec_failed']);
  assert.match(upgrade.reason.message, /execvp .* failed/);
  assert.is(upgrade.restoredGeneration, null);
  await goesOn(context, 1);
  const { mode, 'cpr-exec-command': command } = await parametersOf(context, 1);
  assert.equal([mode, command], ['normal', []]);
  const next = await exec(context, context.target);
  assert.is(next.state, 'succeeded', JSON.stringify(next.reason));
});

test('a state that cannot be written leaves the source as it was', async (context) => {
  const { folders, id, target } = context;
  context.atMoment = (moment) => {
    if (moment === 'begun:exec') mkdirSync(`${folders.runtimeDir}/${id.slice(0, 8)}/u2/state`);
  };
  const upgrade = await exec(context, target);
  assert.equal([upgrade.state, upgrade.reason.code], ['rolled-back', 'transfer_failed']);
  assert.match(upgrade.reason.message, /state.*Is a directory/);
  await goesOn(context, 1);
});

test('a target that freezes before it reads that it should run is given up', async (context) => {
  const { folders, target } = context;
  const [pid = 0] = vmmPids(folders);
  context.atMoment = (moment) => {
    if (moment === 'begun:commit') process.kill(pid, 'SIGSTOP');
  };
  const upgrade = await exec(context, target);
  assert.equal([upgrade.state, upgrade.reason.code], ['rolled-back', 'target_timeout']);
  await goesOn(context, 3);
});

test('when the net is cut as well the guest is lost, and the upgrade says so', async (context) => {
  const { app, folders, id, bad } = context;
  misbehave(context, 'exit 7');
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
  const { app, folders, source, target, bad } = context;
  const disk = `${folders.path}/disk.raw`;
  writeFileSync(disk, Buffer.alloc(1024 * 1024));
  const hardware = { name: 'disk', disks: [{ path: disk }], nics: [{ kind: 'user' }] };
  context.id = await runOnQemu(app, folders, source, hardware);
  const before = await ticksOf(folders, context.id, 1, 0);
  const isLocked = async (name: string) => {
    const thief = runOnQemu(app, folders, source, { name, disks: [{ path: disk }] });
    assert.match(await thief.then(String, String), /Failed to get \\?"write\\?" lock/);
  };

  const upgrade = await exec(context, target);

  assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
  await isLocked('first');
  misbehave(context, 'exit 7');
  const back = await exec(context, bad);
  assert.is(back.state, 'rolled-back', JSON.stringify(back.reason));
  await isLocked('second');
  await ticksOf(folders, context.id, back.restoredGeneration, before);
});

if ('missing' in qemu) skipSuite(SUITE, qemu.missing);
else test.run();
