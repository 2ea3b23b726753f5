/** cpr-exec of real QEMU 11.1 under the daemon: the process stays, its program is another one. */
import { rmSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { skipSuite } from '../../helpers/skip.js';
import { perform, ticksOf, vmmPids } from '../fixture.js';
import { registerQemu, registerWrapper, runOnQemu } from '../qemu-fixture.js';
import {
  type ExecContext,
  endGuest,
  endSuite,
  exec,
  findQemu,
  goesOn,
  instanceOf,
  machineOf,
  startGuest,
  startSuite,
} from './exec-fixture.js';

const SUITE = 'cpr-exec of real QEMU';
const qemu = findQemu('riscv64');
const path = 'missing' in qemu ? '' : qemu.path;
const test = suite<ExecContext>(SUITE);

test.before((context) => startSuite(context, 'riscv64'));
test.before.each(startGuest);
test.after.each(endGuest);
test.after(endSuite);

test('the same process runs another build, and then the first again', async (context) => {
  const { folders, id, source, target } = context;
  const pids = vmmPids(folders);

  const upgrade = await exec(context, target);

  assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
  assert.is(upgrade.mode, 'cpr-exec');
  assert.ok(upgrade.pauseMs > 0 && upgrade.pauseMs < 10_000, `a pause of ${upgrade.pauseMs} ms`);
  assert.equal(vmmPids(folders), pids);
  await goesOn(context, 2);
  const machine = await machineOf(context);
  assert.equal([machine.state, machine.build, machine.generation], ['running', target, 2]);
  const { state, endReason } = await instanceOf(context, 1);
  assert.equal([state, endReason], ['gone', 'its process runs generation 2 now']);
  context.before = await ticksOf(folders, id, 2, 0);

  const again = await exec(context, source);

  assert.is(again.state, 'succeeded', JSON.stringify(again.reason));
  assert.equal(vmmPids(folders), pids);
  await goesOn(context, 3);
});

test('a paused machine stays paused, and goes on when it is resumed', async (context) => {
  const { app, id, target } = context;
  await perform(app, `/v1/machines/${id}/pause`);

  const upgrade = await exec(context, target);

  assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
  assert.is(upgrade.pauseMs, null);
  assert.is((await machineOf(context)).state, 'paused');
  await perform(app, `/v1/machines/${id}/resume`);
  await goesOn(context, 2);
});

test('the new program may be a command that runs it in the end', async (context) => {
  const lines = ['BATON_TEST=1; export BATON_TEST'];
  const target = await registerWrapper(context.app, context.folders, 'wrapped', { binary: path, lines });
  const upgrade = await exec(context, target);
  assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
  await goesOn(context, 2);
});

test('a build whose own file is gone is no way back: refused before anything is touched', async (context) => {
  const { app, folders } = context;
  const brief = await registerQemu(app, folders, 'brief', path);
  context.id = await runOnQemu(app, folders, brief, { name: 'brief' });
  rmSync(`${folders.path}/brief`);
  const upgrade = await exec(context, context.target);
  assert.equal([upgrade.state, upgrade.reason.code], ['rolled-back', 'preflight_blocked']);
  assert.match(upgrade.reason.message, /brief/);
  assert.is((await machineOf(context)).generation, 1);
  await ticksOf(folders, context.id, 1, 0);
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
    const { app, id, source, target } = context;
    context.atMoment = (now) => {
      const operation = app.services.store.operations.running().find(({ kind }) => kind === 'upgrade');
      if (now === moment) setImmediate(() => app.supervisor.actor(id).cancel(operation?.id ?? ''));
    };
    const upgrade = await exec(context, target);
    assert.is(upgrade.state, 'cancelled', JSON.stringify(upgrade.reason));
    const machine = await machineOf(context);
    assert.equal([machine.state, machine.build], ['running', source]);
    await goesOn(context, machine.generation);
  });
}

if ('missing' in qemu) skipSuite(SUITE, qemu.missing);
else test.run();
