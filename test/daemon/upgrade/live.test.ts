/** Upgrades between real VMMs: what must work, and what is refused. */
import { rmSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import {
  call,
  createMachine,
  createRunning,
  type Folders,
  installVmm,
  makeFolders,
  operationEnd,
  perform,
  startApp,
  tearDown,
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
        'prepare-guest done',
        'transfer done',
        'configure-target done',
        'hand-over done',
        'verify done',
        'commit done',
        'thaw-guest done',
        'release-source done',
        'tell-guest done',
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
  assert.equal(
    [upgrade.reason.code, upgrade.findings[0].code],
    ['preflight_blocked', 'target_binary_missing'],
  );
  assert.is(upgrade.reason.step, 'preflight');
  assert.match(upgrade.reason.message, new RegExp(path));
  await ticksOn(context, 1);
});

test('after the commit it cannot be cancelled', async (context) => {
  const { app, id } = context;
  let refused: unknown = null;
  context.atMoment = (moment) => {
    if (moment !== 'begun:commit') return;
    const [operation] = app.services.store.operations.running();
    try {
      app.supervisor.actor(id).cancel(operation?.id ?? '');
    } catch (error) {
      const { code, details } = error as { code: string; details: object };
      refused = { code, ...details };
    }
  };
  assert.is((await upgradeEnd(app, id)).state, 'succeeded');
  assert.equal(refused, { code: 'not_cancellable', pointOfNoReturn: 'passed' });
});

test('a source that does not answer: refused before anything is touched', async (context) => {
  const { app, id } = context;
  const pid = sourcePid(context);
  process.kill(pid, 'SIGSTOP');
  const upgrade = await upgradeEnd(app, id);
  process.kill(pid, 'SIGCONT');
  assert.is(upgrade.state, 'rolled-back');
  assert.equal([upgrade.reason.code, upgrade.findings[0].code], ['preflight_blocked', 'source_unresponsive']);
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

test('two machines at once: each goes to its own target', async (context) => {
  const { app, folders, id } = context;
  const other = await createMachine(app, folders, 'other');
  await perform(app, `/v1/machines/${other}/start`);
  await ticksOf(folders, other, 1, 0);
  const upgrades = await Promise.all([upgradeEnd(app, id), upgradeEnd(app, other)]);
  assert.equal(
    upgrades.map(({ state }) => state),
    ['succeeded', 'succeeded'],
  );
  assert.is(vmmPids(folders).length, 2);
  await ticksOn(context, 2);
  await ticksOf(folders, other, 2, 0);
});

test.run();
