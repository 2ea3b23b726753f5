/** From the commit on the source never runs again, and what is left is said. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import type { Behaviour } from '../fake-vmm.js';
import {
  call,
  createRunning,
  type Folders,
  makeFolders,
  perform,
  registerFake,
  startApp,
  tearDown,
  ticksOf,
  upgradeEnd,
  vmmPids,
} from '../fixture.js';

interface Context {
  folders: Folders;
  app: App;
  atMoment: (moment: string) => void;
}

const test = suite<Context>('upgrade, failures at the commit');

test.before.each(async (context) => {
  context.folders = await makeFolders();
  context.atMoment = () => undefined;
  context.app = await startApp(context.folders, {
    deadlinesMs: { commit: 700 },
    journalObserver: (moment) => context.atMoment(moment),
  });
});

test.after.each(async ({ folders, app }) => tearDown(folders, app));

async function upgradeTo(behaviour: Behaviour, { app, folders }: Context) {
  const id = await createRunning(app, folders);
  const build = await registerFake(app, folders, behaviour);
  const upgrade = await upgradeEnd(app, id, { build });
  const { body: machine } = await call(app, 'GET', `/v1/machines/${id}`);
  const { body } = await call(app, 'GET', `/v1/machines/${id}/instances`);
  return { upgrade, machine, source: body.instances[0] };
}

test('a target that never answers: failed, and the source is gone for good', async (context) => {
  const { upgrade, machine, source } = await upgradeTo('mute-cont', context);
  assert.is(upgrade.state, 'failed');
  assert.is(upgrade.reason.code, 'commit_unconfirmed');
  assert.is(upgrade.committed, true);
  assert.is(source.state, 'gone');
  assert.is(machine.generation, 2);
  assert.is(vmmPids(context.folders).length, 1, 'the target is left, it may be the guest');
});

test('a target that dies at it: failed, and no process runs on a stale state', async (context) => {
  const { upgrade, machine, source } = await upgradeTo('dies-at-cont', context);
  assert.is(upgrade.state, 'failed');
  assert.is(upgrade.reason.code, 'commit_unconfirmed');
  assert.is(source.state, 'gone');
  assert.is(machine.state, 'crashed');
  assert.equal(vmmPids(context.folders), []);
});

test('a target that freezes before it reads it: rolled back, the guest runs on in the source', async (context) => {
  const { app, folders } = context;
  context.atMoment = (moment) => {
    const target = moment === 'begun:commit' ? app.services.store.instances.notGone()[1] : undefined;
    if (target !== undefined) process.kill(target.process?.pid ?? 0, 'SIGSTOP');
  };
  const id = await createRunning(app, folders);
  const [sourcePid] = vmmPids(folders);
  const upgrade = await upgradeEnd(app, id, {});
  assert.is(upgrade.state, 'rolled-back', JSON.stringify(upgrade.reason));
  assert.is(upgrade.reason.code, 'target_timeout');
  assert.equal(vmmPids(folders), [sourcePid]);
  const ticks = await ticksOf(folders, id, 1, 0);
  await ticksOf(folders, id, 1, ticks);
});

test('a target that freezes at it, the guest paused: timed out, the source as before', async (context) => {
  const { app, folders } = context;
  context.atMoment = (moment) => {
    const target = moment === 'begun:commit' ? app.services.store.instances.notGone()[1] : undefined;
    if (target !== undefined) process.kill(target.process?.pid ?? 0, 'SIGSTOP');
  };
  const id = await createRunning(app, folders);
  await perform(app, `/v1/machines/${id}/pause`);
  const upgrade = await upgradeEnd(app, id, {});
  assert.is(upgrade.state, 'rolled-back');
  assert.is(upgrade.reason.code, 'target_timeout');
  assert.is((await call(app, 'GET', `/v1/machines/${id}`)).body.state, 'paused');
  assert.is(vmmPids(folders).length, 1);
});

test('a source that does not quit is killed: succeeded', async (context) => {
  context.atMoment = (moment) => {
    const [source] = moment === 'committed' ? context.app.services.store.instances.notGone() : [];
    if (source !== undefined) process.kill(source.process?.pid ?? 0, 'SIGSTOP');
  };
  const { upgrade, machine, source } = await upgradeTo('behaves', context);
  assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
  assert.is(source.state, 'gone');
  assert.is(source.exitSignal, 'SIGKILL');
  assert.is(machine.state, 'running');
  assert.is(machine.generation, 2);
});

test.run();
