import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import { waitFor } from '../../helpers/wait.js';
import {
  call,
  createRunning,
  type Folders,
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
  /** Looked at when a step begins. */
  deadlinesMs: Record<string, number>;
  atMoment: (moment: string) => void;
}

const test = suite<Context>('upgrade, interrupted');

test.before.each(async (context) => {
  context.atMoment = () => undefined;
  context.deadlinesMs = {};
  context.folders = await makeFolders();
  context.app = await startApp(context.folders, {
    deadlinesMs: context.deadlinesMs,
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
    Object.assign(context.deadlinesMs, { 'configure-target': 1_000, 'hand-over': 1_000 });
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
    assert.equal([again.status, again.body.code], [409, 'not_cancellable']);
    assert.is(again.body.pointOfNoReturn, 'ahead');
  });
}

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
  assert.equal([refused.reason.code, refused.findings[0].code], ['preflight_blocked', 'source_not_ready']);
  assert.match(refused.reason.message, /resume the machine once/);
  await perform(app, `/v1/machines/${id}/resume`);
  await ticksOf(folders, id, 1, 0);
  assert.is((await upgradeEnd(app, id)).state, 'succeeded');
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

test('the source dies when the target has loaded: finished, the guest is saved', async (context) => {
  context.atMoment = (moment) => {
    if (moment === 'acted:hand-over') process.kill(sourcePid(context), 'SIGKILL');
  };
  const upgrade = await upgradeEnd(context.app, context.id);
  assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
  assert.is(vmmPids(context.folders).length, 1);
  await ticksOn(context, 2);
});

test('the journal cannot be written any more: rolled back, the guest ticks on', async (context) => {
  const { app, id, folders } = context;
  const { store } = app.services;
  context.atMoment = (moment) => {
    if (moment === 'acted:configure-target') store.limitPages(store.pageCount);
    if (moment === 'begun:hand-over' || moment === 'begun:verify' || moment === 'begun:commit') {
      /* Fills what is left of the last page, so that the next write finds no room. */
      try {
        for (;;)
          store.quickly(() => store.emit({ type: 'baton.build.removed', subject: 'x', data: { path: '' } }));
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
