/** Upgrades between real VMMs: what must work, and what an operator or the host can do in the middle. */

import { rmSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import { waitFor } from '../../helpers/wait.js';
import {
  call,
  createRunning,
  type Folders,
  installVmm,
  makeFolders,
  operationEnd,
  perform,
  startApp,
  tearDown,
  tickerLines,
  ticksOf,
  upgradeEnd,
  vmmPids,
} from '../fixture.js';

interface Context {
  folders: Folders;
  app: App;
  id: string;
  atMoment: (moment: string) => void;
}

const test = suite<Context>('upgrade');

test.before.each(async (context) => {
  context.atMoment = () => undefined;
  context.folders = await makeFolders();
  context.app = await startApp(context.folders, {
    deadlinesMs: { 'hand-over': 1_000, 'configure-target': 2_000 },
    journalObserver: (moment) => context.atMoment(moment),
  });
  context.id = await createRunning(context.app, context.folders);
});

test.after.each(async ({ folders, app }) => tearDown(folders, app));

async function stateOf(app: App, id: string): Promise<string> {
  return (await call(app, 'GET', `/v1/machines/${id}`)).body.state;
}

async function ticksOn({ folders, id }: Context, generation: number): Promise<void> {
  const ticks = await ticksOf(folders, id, generation, 0);
  await ticksOf(folders, id, generation, ticks);
}

function targetPid({ app, id }: Context): number {
  const [, target] = app.services.store.instances.ofMachine(id).filter(({ state }) => state === 'alive');
  return target?.process?.pid ?? 0;
}

function sourcePid({ app, id }: Context): number {
  return app.services.store.instances.byGeneration(id, 1)?.process?.pid ?? 0;
}

test('several in a row: the guest ticks on with its memory intact, one process each time', async (context) => {
  const { app, folders, id } = context;
  for (let generation = 2; generation <= 4; generation += 1) {
    const before = await ticksOf(folders, id, generation - 1, 0);
    const upgrade = await upgradeEnd(app, id);
    assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
    assert.is(upgrade.targetGeneration, generation);
    assert.ok(upgrade.pauseMs > 0 && upgrade.pauseMs < 1_000, `pause ${upgrade.pauseMs} ms`);
    assert.equal(
      upgrade.phases.map(({ name, result }: { name: string; result: string }) => `${name} ${result}`),
      [
        'preflight done',
        'prepare-source done',
        'start-target done',
        'transfer done',
        'configure-target done',
        'hand-over done',
        'verify done',
        'commit done',
        'release-source done',
      ],
    );
    const after = await ticksOf(folders, id, generation, 0);
    assert.ok(after > before, `ticks went from ${before} to ${after}: the guest went on, it did not boot`);
    assert.is(vmmPids(folders).length, 1);
  }
});

test('to another build: the machine then runs on it', async ({ app, folders, id }) => {
  const path = installVmm(`${folders.path}/vmm-2`);
  const build = (await call(app, 'POST', '/v1/builds', { kind: 'baton', path })).body.id;
  const upgrade = await upgradeEnd(app, id, { build, mode: 'cpr-transfer' });
  assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
  assert.is(upgrade.modeReason, 'asked for');
  const { body } = await call(app, 'GET', `/v1/machines/${id}`);
  assert.is(body.build, build);
});

test('a paused machine stays paused on the other side, and goes on from there', async (context) => {
  const { app, id } = context;
  await perform(app, `/v1/machines/${id}/pause`);
  const upgrade = await upgradeEnd(app, id);
  assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
  assert.is(upgrade.pauseMs, null);
  assert.is(await stateOf(app, id), 'paused');
  await perform(app, `/v1/machines/${id}/resume`);
  await ticksOn(context, 2);
});

test('the binary is gone: rolled back before anything is touched', async (context) => {
  const { app, folders, id } = context;
  const path = installVmm(`${folders.path}/vmm-2`);
  const build = (await call(app, 'POST', '/v1/builds', { kind: 'baton', path })).body.id;
  rmSync(`${folders.path}/vmm-2`, { recursive: true });
  const upgrade = await upgradeEnd(app, id, { build });
  assert.is(upgrade.state, 'rolled-back');
  assert.is(upgrade.reason.code, 'target_binary_missing');
  assert.is(upgrade.reason.step, 'preflight');
  assert.match(upgrade.reason.message, new RegExp(path));
  await ticksOn(context, 1);
});

for (const moment of [
  'acted:start-target',
  'acted:transfer',
  'begun:hand-over',
  'begun:verify',
  'begun:commit',
]) {
  test(`the target is killed at ${moment}: rolled back, the guest ticks on`, async (context) => {
    context.atMoment = (now) => {
      if (now === moment) process.kill(targetPid(context), 'SIGKILL');
    };
    const upgrade = await upgradeEnd(context.app, context.id);
    assert.is(upgrade.state, 'rolled-back', JSON.stringify(upgrade.reason));
    assert.is(upgrade.reason.code, 'target_died', JSON.stringify(upgrade.reason));
    await ticksOn(context, 1);
    context.atMoment = () => undefined;
    assert.is((await upgradeEnd(context.app, context.id)).state, 'succeeded');
  });
}

test('the target dies with the command to run unread: it never ran, so rolled back', async (context) => {
  context.atMoment = (moment) => {
    if (moment !== 'begun:commit') return;
    const pid = targetPid(context);
    process.kill(pid, 'SIGSTOP');
    setTimeout(() => process.kill(pid, 'SIGKILL'), 150);
  };
  const upgrade = await upgradeEnd(context.app, context.id);
  assert.is(upgrade.state, 'rolled-back', JSON.stringify(upgrade.reason));
  assert.is(upgrade.reason.code, 'target_died');
  assert.is(upgrade.reason.step, 'commit');
  assert.is(vmmPids(context.folders).length, 1);
  await ticksOn(context, 1);
});

for (const moment of ['acted:transfer', 'begun:hand-over']) {
  test(`the target hangs at ${moment}: rolled back, and it never wakes up again`, async (context) => {
    context.atMoment = (now) => {
      if (now === moment) process.kill(targetPid(context), 'SIGSTOP');
    };
    const upgrade = await upgradeEnd(context.app, context.id);
    assert.is(upgrade.state, 'rolled-back', JSON.stringify(upgrade.reason));
    assert.is(upgrade.reason.code, 'target_timeout', JSON.stringify(upgrade.reason));
    assert.is(vmmPids(context.folders).length, 1);
    await ticksOn(context, 1);
  });
}

for (const moment of [
  'begun:prepare-source',
  'acted:start-target',
  'acted:transfer',
  'acted:configure-target',
]) {
  test(`cancelled at ${moment}: the source is as before`, async (context) => {
    const { app, id } = context;
    const { store } = app.services;
    context.atMoment = (now) => {
      if (now !== moment) return;
      const [operation] = store.operations.running();
      setImmediate(() => app.supervisor.actor(id).cancel(operation?.id ?? ''));
    };
    const { headers, body } = await call(app, 'POST', `/v1/machines/${id}/upgrade`);
    const operation = await operationEnd(app, String(headers.location));
    assert.is(operation.state, 'cancelled', JSON.stringify(operation.error));
    const upgrade = (await call(app, 'GET', body.upgrade)).body;
    assert.is(upgrade.state, 'cancelled');
    assert.is(vmmPids(context.folders).length, 1);
    await ticksOn(context, 1);
    const again = await call(app, 'POST', `${headers.location}/cancel`);
    assert.is(again.body.code, 'not_cancellable');
  });
}

test('after the commit it cannot be cancelled', async (context) => {
  const { app, id } = context;
  let refused: unknown = null;
  context.atMoment = (moment) => {
    if (moment !== 'begun:commit') return;
    const [operation] = app.services.store.operations.running();
    try {
      app.supervisor.actor(id).cancel(operation?.id ?? '');
    } catch (error) {
      refused = (error as { code: string }).code;
    }
  };
  assert.is((await upgradeEnd(app, id)).state, 'succeeded');
  assert.is(refused, 'not_cancellable');
});

test('a paused machine that was rolled back late is refused until it was resumed once', async (context) => {
  const { app, id, folders } = context;
  await perform(app, `/v1/machines/${id}/pause`);
  context.atMoment = (moment) => {
    if (moment === 'acted:hand-over') process.kill(targetPid(context), 'SIGKILL');
  };
  assert.is((await upgradeEnd(app, id)).state, 'rolled-back');
  context.atMoment = () => undefined;
  assert.is(await stateOf(app, id), 'paused');
  const refused = await upgradeEnd(app, id);
  assert.is(refused.reason.code, 'source_not_ready');
  assert.match(refused.reason.message, /resume the machine once/);
  await perform(app, `/v1/machines/${id}/resume`);
  await ticksOf(folders, id, 1, 0);
  assert.is((await upgradeEnd(app, id)).state, 'succeeded');
});

test('a source that does not answer: refused before anything is touched', async (context) => {
  const { app, id } = context;
  const pid = sourcePid(context);
  process.kill(pid, 'SIGSTOP');
  const upgrade = await upgradeEnd(app, id);
  process.kill(pid, 'SIGCONT');
  assert.is(upgrade.state, 'rolled-back');
  assert.is(upgrade.reason.code, 'source_not_ready');
  await ticksOn(context, 1);
});

test('while one is under way everything else is refused', async (context) => {
  const { app, id } = context;
  const { headers } = await call(app, 'POST', `/v1/machines/${id}/upgrade`);
  for (const action of ['upgrade', 'stop', 'kill', 'pause', 'start']) {
    const { status, body } = await call(app, 'POST', `/v1/machines/${id}/${action}`);
    assert.is(status, 409);
    assert.is(body.code, 'upgrade_in_progress');
    assert.is(body.operation, headers.location);
  }
  assert.is((await operationEnd(app, String(headers.location))).state, 'succeeded');
});

test('the source dies in the middle: failed, the target is reaped, the machine crashed', async (context) => {
  const { app, id } = context;
  context.atMoment = (moment) => {
    if (moment === 'acted:start-target') process.kill(sourcePid(context), 'SIGKILL');
  };
  const upgrade = await upgradeEnd(app, id);
  assert.is(upgrade.state, 'failed');
  assert.is(upgrade.reason.code, 'source_died');
  assert.is(await stateOf(app, id), 'crashed');
  assert.equal(vmmPids(context.folders), []);
  context.atMoment = () => undefined;
  await perform(app, `/v1/machines/${id}/start`);
});

test('the journal cannot be written any more: rolled back, the guest ticks on', async (context) => {
  const { app, id, folders } = context;
  const { store } = app.services;
  context.atMoment = (moment) => {
    if (moment === 'acted:configure-target') store.limitPages(store.pageCount);
    if (moment === 'begun:hand-over' || moment === 'begun:verify' || moment === 'begun:commit') {
      /* Fills what is left of the last page, so that the next write finds no room. */
      try {
        for (;;) store.quickly(() => store.emit({ type: 'baton.build.added', subject: 'x', data: {} }));
      } catch (error) {
        assert.is((error as { code: string }).code, 'store_full');
      }
    }
  };
  const { headers, body } = await call(app, 'POST', `/v1/machines/${id}/upgrade`);
  await waitFor(() => vmmPids(folders).length === 2, { what: 'the target to be there' });
  await waitFor(() => vmmPids(folders).length === 1, { what: 'one of them to be gone' });
  await ticksOn(context, 1);
  store.limitPages(1_000_000);
  await operationEnd(app, String(headers.location));
  const upgrade = (await call(app, 'GET', body.upgrade)).body;
  assert.is(upgrade.state, 'rolled-back', JSON.stringify(upgrade.reason));
  assert.is(upgrade.reason.code, 'journal_failed');
  assert.ok(tickerLines(folders, id, 1).length > 0);
});

test.run();
