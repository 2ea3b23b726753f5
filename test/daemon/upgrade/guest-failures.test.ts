/** An agent that does not do as it should costs an upgrade a moment, and a line in its document. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { waitFor } from '../../helpers/wait.js';
import { call, makeFolders, tearDown, upgradeEnd } from '../fixture.js';
import { acts, type Context, detail, isFrozenInside, isWell, start } from './guest-fixture.js';

const test = suite<Context>('upgrade, a guest that does not do what it is asked');

test.before.each(async (context) => {
  context.folders = await makeFolders();
});

test.after.each(async ({ folders, app }) => tearDown(folders, app));

for (const [behaviour, expected, words] of [
  ['silent', ['notice-before failed', 'freeze failed'], /the guest agent to answer within 2000 ms/],
  ['garbage', ['notice-before failed', 'freeze failed'], /not the guest agent's protocol/],
  ['flood', ['notice-before failed', 'freeze failed'], /not the guest agent's protocol: more than/],
  ['dies', ['notice-before failed', 'freeze failed', 'notice-after failed'], /closed the port/],
  ['refuses', ['notice-before failed', 'freeze failed', 'notice-after failed'], /has not been found/],
  ['no-hook', ['notice-before skipped', 'freeze done', 'thaw done'], /no program for notices/],
  [
    'stuck-hook',
    ['notice-before failed', 'freeze done', 'thaw done', 'notice-after failed'],
    /within 2000 ms/,
  ],
  [
    'failing-hook',
    ['notice-before failed', 'freeze done', 'thaw done', 'notice-after failed'],
    /exit code 3/,
  ],
] as const) {
  test(`${behaviour}: the upgrade goes on, and says what the guest did not do`, async (context) => {
    await start(context, behaviour);
    const upgrade = await upgradeEnd(context.app, context.id, { freezeFilesystems: true });
    assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
    assert.equal(acts(upgrade), expected);
    assert.match(detail(upgrade, 'notice-before'), words);
    assert.not.ok(isFrozenInside(context));
    await isWell(context, 2);
  });
}

test('a freeze that the agent does not confirm is taken back before the pause', async (context) => {
  await start(context, 'mute-freeze');
  const upgrade = await upgradeEnd(context.app, context.id, { freezeFilesystems: true, notifyGuest: false });
  assert.is(upgrade.state, 'succeeded');
  assert.equal(acts(upgrade), ['freeze failed']);
  assert.not.ok(isFrozenInside(context));
  await isWell(context, 2);
});

test('a thaw that is not answered is tried again after the upgrade', async (context) => {
  await start(context, 'stuck-thaw');
  const upgrade = await upgradeEnd(context.app, context.id, { freezeFilesystems: true });
  assert.is(upgrade.state, 'succeeded');
  assert.equal(acts(upgrade), ['notice-before done', 'freeze done', 'thaw failed', 'notice-after failed']);
  await waitFor(() => !isFrozenInside(context), { deadlineMs: 20_000, what: 'the guest to be thawed' });
  await waitFor(
    async () => (await call(context.app, 'GET', `/v1/machines/${context.id}`)).body.frozen === null,
    {
      what: 'the daemon to know',
    },
  );
  await isWell(context, 2);
});

test.run();
