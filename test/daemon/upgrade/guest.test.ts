/** What an upgrade asks of its guest: told and frozen before the pause, thawed and told after it, wherever it is then. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { waitFor } from '../../helpers/wait.js';
import { type Answer, call, makeFolders, perform, registerFake, tearDown, upgradeEnd } from '../fixture.js';
import { askedOf } from '../guest-agent/agent-vmm.js';
import { acts, type Context, heard, isFrozenInside, isWell, noticesTo, start } from './guest-fixture.js';

const test = suite<Context>('upgrade, what is asked of the guest');

test.before.each(async (context) => {
  context.folders = await makeFolders();
});

test.after.each(async ({ folders, app }) => tearDown(folders, app));

for (const mode of ['cpr-transfer', 'cpr-exec', 'cpr-reboot'] as const) {
  test(`${mode}: told and frozen before the pause, thawed and told after it`, async (context) => {
    await start(context, 'good');
    const { app, id } = context;
    const request = { mode, freezeFilesystems: true, reason: 'security fix' };
    const upgrade = await upgradeEnd(app, id, request);
    assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
    assert.equal(acts(upgrade), ['notice-before done', 'freeze done', 'thaw done', 'notice-after done']);
    assert.equal(heard(context), ['before', 'guest-fsfreeze-freeze', 'guest-fsfreeze-thaw', 'after']);
    await isWell(context, 2);
    const [before, after] = noticesTo(context);
    assert.equal([before?.[0], before?.[1], before?.[3]], ['before', upgrade.id, 'security fix']);
    const pauseMs = String(Math.ceil(upgrade.pauseMs));
    assert.equal(after, ['after', upgrade.id, pauseMs, 'security fix', 'moved']);
  });
}

test('nothing is asked while the guest stands still', async (context) => {
  await start(context, 'good');
  const { app, id, folders } = context;
  await upgradeEnd(app, id, { freezeFilesystems: true });
  const { body } = await call(app, 'GET', '/v1/events');
  const at = (wanted: string) =>
    Date.parse(
      body.events.find(
        ({ type, data }: Answer['body']) => type === 'baton.upgrade.state-changed' && data.state === wanted,
      ).time,
    );
  const [pausedMs, finishingMs] = [at('paused'), at('finishing')];
  const times = askedOf(folders).map(({ atMs }) => atMs);
  assert.ok(times.some((atMs) => atMs <= pausedMs) && times.some((atMs) => atMs >= finishingMs));
  /* Clocks of two processes, in whole milliseconds. */
  assert.equal(
    times.filter((atMs) => atMs > pausedMs + 1 && atMs < finishingMs - 1),
    [],
  );
});

test('told by default, frozen only if it is wished', async (context) => {
  await start(context, 'good');
  const { app, id } = context;
  const first = await upgradeEnd(app, id);
  assert.equal(acts(first), ['notice-before done', 'notice-after done']);
  const second = await upgradeEnd(app, id, { notifyGuest: false });
  assert.equal(acts(second), []);
  assert.equal(heard(context), ['before', 'after']);
  assert.match(noticesTo(context)[0]?.[3] ?? '', / by cpr-transfer$/);
  const { body } = await call(app, 'GET', '/v1/events');
  const told = body.events.filter(({ type }: { type: string }) => type === 'baton.upgrade.guest-asked');
  assert.equal(
    told.map(({ data }: Answer['body']) => `${data.act} ${data.result}`),
    ['notice-before done', 'notice-after done'],
  );
});

for (const behaviour of ['rejects-load', 'dies-loading', 'refuses-cont'] as const) {
  test(`a target that ${behaviour}: back on the source the guest is thawed and told`, async (context) => {
    await start(context, 'good');
    const build = await registerFake(context.app, context.folders, behaviour);
    const upgrade = await upgradeEnd(context.app, context.id, { build, freezeFilesystems: true });
    assert.is(upgrade.state, 'rolled-back', JSON.stringify(upgrade.reason));
    assert.equal(acts(upgrade), ['notice-before done', 'freeze done', 'thaw done', 'notice-after done']);
    assert.is(noticesTo(context).at(-1)?.at(-1), 'stayed');
    assert.not.ok(isFrozenInside(context));
    await isWell(context, 1);
  });
}

test('a target that never comes up: the guest was not troubled', async (context) => {
  await start(context, 'good');
  const build = await registerFake(context.app, context.folders, 'refuses-options');
  const upgrade = await upgradeEnd(context.app, context.id, { build, freezeFilesystems: true });
  assert.is(upgrade.state, 'rolled-back');
  assert.equal(acts(upgrade), []);
  assert.equal(heard(context), []);
});

test('cancelled while the guest is told: back, told that it is over', async (context) => {
  await start(context, 'stuck-hook');
  const { app, id } = context;
  const { headers, body } = await call(app, 'POST', `/v1/machines/${id}/upgrade`, {
    freezeFilesystems: true,
  });
  await waitFor(() => heard(context).includes('before'), {
    deadlineMs: 20_000,
    what: 'the guest to be told',
  });
  await call(app, 'POST', `${headers.location}/cancel`);
  const upgrade = await waitFor(
    async () => {
      const { body: seen } = await call(app, 'GET', body.upgrade);
      return seen.finishedAt === null ? null : seen;
    },
    { deadlineMs: 20_000, what: 'the upgrade to end' },
  );
  assert.is(upgrade.state, 'cancelled', JSON.stringify(upgrade.reason));
  assert.equal(heard(context), ['before', 'after']);
  await isWell(context, 1);
});

test('a guest that somebody has frozen stays so, until he or the time says otherwise', async (context) => {
  await start(context, 'good');
  const { app, id } = context;
  await call(app, 'POST', `/v1/machines/${id}/guest/freeze`, { maxMs: 600_000 });
  const upgrade = await upgradeEnd(app, id, { freezeFilesystems: true, notifyGuest: false });
  assert.is(upgrade.state, 'succeeded');
  assert.equal(acts(upgrade), ['freeze skipped']);
  assert.ok(isFrozenInside(context));
  assert.equal((await call(app, 'POST', `/v1/machines/${id}/guest/thaw`)).body, { filesystems: 1 });
});

test('a paused machine: its guest is not asked', async (context) => {
  await start(context, 'good');
  const { app, id } = context;
  await perform(app, `/v1/machines/${id}/pause`);
  const upgrade = await upgradeEnd(app, id, { freezeFilesystems: true });
  assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
  assert.equal(acts(upgrade), ['notice-before skipped', 'freeze skipped']);
  assert.equal(heard(context), []);
});

test.run();

test.run();
