/**
 * The daemon is killed in an upgrade that froze its guest, and the next one takes it up: whichever way it goes, the
 * guest is thawed, and told that it is over if it was told before.
 */
import { existsSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { waitFor } from '../../helpers/wait.js';
import { makeFolders, tearDown, ticksOf, writeFake } from '../fixture.js';
import { askedOf, writeAgentVmm } from '../guest-agent/agent-vmm.js';
import { MortalDaemon } from '../mortal-daemon.js';
import { dieDuringUpgrade, guestIsWell, type Recovery } from './recovery-fixture.js';

const BEFORE = ['asked:notice-before', 'asking:freeze', 'asked:freeze', 'paused'];
const BACK = ['undone:hand-over', 'asked:thaw', 'asking:notice-after'];
const AFTER = ['begun:commit', 'asking:thaw', 'asking:notice-after'];

const test = suite<Recovery>('upgrade with a guest agent, daemon killed');

test.before(async (context) => {
  const folders = await makeFolders();
  context.folders = { ...folders, vmm: writeAgentVmm(folders, 'agent-vmm', 'good') };
  context.daemon = new MortalDaemon(context.folders);
  await context.daemon.start();
  const { client } = context.daemon;
  const document = { name: 'm', memoryMiB: 32, kernel: folders.kernel, guestAgent: true };
  context.id = (await client.post<{ id: string }>('/v1/machines', document)).id;
  await client.perform(`/v1/machines/${context.id}/start`);
  await ticksOf(folders, context.id, 1, 0);
  const path = writeFake(folders, 'rejects-load');
  context.build = (await client.post<{ id: string }>('/v1/builds', { kind: 'baton', path })).id;
});

test.after(async ({ folders, daemon }) => {
  await daemon.stop();
  await tearDown(folders, null);
});

/** Thawed, and every notice before a pause has one after it. */
async function guestIsLeft({ daemon, folders, id }: Recovery, outcome: 'moved' | 'stayed'): Promise<void> {
  await waitFor(() => !existsSync(`${folders.path}/asked.frozen`), { what: 'the guest to be thawed' });
  await waitFor(
    async () => (await daemon.client.get<{ frozen: unknown }>(`/v1/machines/${id}`)).frozen === null,
    { what: 'the daemon to know' },
  );
  const notices = askedOf(folders).flatMap(({ arguments: args }) => {
    const words = args?.arg;
    return Array.isArray(words) ? [words as string[]] : [];
  });
  const last = notices.at(-1) ?? [];
  if (last.length === 0) return;
  assert.equal([last[0], last.at(-1)], ['after', outcome]);
}

for (const moment of BEFORE) {
  test(`killed at ${moment}: rolled back, thawed, told`, async (context) => {
    const upgrade = await dieDuringUpgrade(context, moment, { freezeFilesystems: true });
    assert.is(upgrade.state, 'rolled-back', JSON.stringify(upgrade.reason));
    await guestIsWell(context, upgrade.sourceGeneration);
    await guestIsLeft(context, 'stayed');
  });
}

for (const moment of BACK) {
  test(`killed at ${moment} on the way back: goes back again, thawed, told`, async (context) => {
    const request = { build: context.build, freezeFilesystems: true };
    const upgrade = await dieDuringUpgrade(context, moment, request);
    assert.is(upgrade.state, 'rolled-back', JSON.stringify(upgrade.reason));
    await guestIsWell(context, upgrade.sourceGeneration);
    await guestIsLeft(context, 'stayed');
  });
}

for (const moment of AFTER) {
  test(`killed at ${moment} after the commit was decided: finished, thawed, told`, async (context) => {
    const upgrade = await dieDuringUpgrade(context, moment, { freezeFilesystems: true });
    assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
    await guestIsWell(context, upgrade.targetGeneration);
    await guestIsLeft(context, 'moved');
  });
}

test.run();
