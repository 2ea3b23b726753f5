/**
 * The daemon is killed at each moment of an upgrade: after every write and before the act, and after every act
 * and before its write. Afterwards one VMM runs the guest, its memory is intact, and the upgrade has ended
 * truthfully: back before the intent to commit was written, forward after.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LinuxProcesses } from '../../../daemon/instance/host.js';
import type { ProcessIdentity } from '../../../daemon/instance.js';
import { waitFor } from '../../helpers/wait.js';
import { type Folders, makeFolders, tearDown, ticksOf, vmmPids, writeFake } from '../fixture.js';
import { MortalDaemon } from '../mortal-daemon.js';

interface Context {
  folders: Folders;
  daemon: MortalDaemon;
  id: string;
  build: string;
}

interface UpgradeDocument {
  readonly id: string;
  readonly state: string;
  readonly finishedAt: string | null;
  readonly targetGeneration: number;
  readonly sourceGeneration: number;
  readonly reason: { readonly code: string; readonly message: string } | null;
}

interface MachineDocument {
  readonly state: string;
  readonly generation: number;
  readonly operation: string | null;
}

const BEFORE = [
  'begun:preflight',
  'acted:preflight',
  'begun:prepare-source',
  'acted:prepare-source',
  'begun:start-target',
  'spawned:target',
  'acted:start-target',
  'begun:transfer',
  'acted:transfer',
  'begun:configure-target',
  'acted:configure-target',
  'begun:hand-over',
  'acted:hand-over',
  'begun:verify',
  'acted:verify',
];
const AFTER = [
  'begun:commit',
  'acted:commit',
  'committed',
  'begun:release-source',
  'acted:release-source',
  'finished',
];
const GOING_BACK = [
  'going-back',
  'undone:hand-over',
  'undone:start-target',
  'undone:prepare-source',
  'undone:preflight',
];

const test = suite<Context>('upgrade, daemon killed');

test.before(async (context) => {
  context.folders = await makeFolders();
  context.daemon = new MortalDaemon(context.folders);
  await context.daemon.start();
  const { client } = context.daemon;
  const document = { name: 'm', memoryMiB: 32, kernel: context.folders.kernel };
  context.id = (await client.post<{ id: string }>('/v1/machines', document)).id;
  await client.perform(`/v1/machines/${context.id}/start`);
  const path = writeFake(context.folders, 'rejects-load');
  context.build = (await client.post<{ id: string }>('/v1/builds', { kind: 'baton', path })).id;
});

test.after(async ({ folders, daemon }) => {
  await daemon.stop();
  await tearDown(folders, null);
});

/** Asks for an upgrade, sees the daemon die in it, starts it again, and returns how the upgrade ended. */
async function dieDuringUpgrade(
  { daemon, id }: Context,
  moment: string,
  body: object,
): Promise<UpgradeDocument> {
  const { client } = daemon;
  daemon.dieAt(moment);
  const asked = await client.post<{ upgrade: string }>(`/v1/machines/${id}/upgrade`, body).catch(() => null);
  await daemon.died();
  await daemon.start();
  const path =
    asked?.upgrade ??
    `/v1/upgrades/${(await client.get<{ upgrades: { id: string }[] }>('/v1/upgrades')).upgrades[0]?.id}`;
  return waitFor(
    async () => {
      const upgrade = await client.get<UpgradeDocument>(path);
      return upgrade.finishedAt === null ? null : upgrade;
    },
    { deadlineMs: 30_000, what: 'the upgrade to end after the restart' },
  );
}

function byStart(a: ProcessIdentity, b: ProcessIdentity): number {
  return a.startTicks - b.startTicks;
}

/** Exactly one VMM, and the guest in it ticks. */
async function guestIsWell({ daemon, folders, id }: Context, generation: number): Promise<void> {
  const machine = await waitFor(
    async () => {
      const document = await daemon.client.get<MachineDocument>(`/v1/machines/${id}`);
      return document.operation === null ? document : null;
    },
    { what: 'nothing to be under way' },
  );
  assert.is(machine.state, 'running');
  assert.is(machine.generation, generation);
  assert.is(vmmPids(folders).length, 1);
  const ticks = await ticksOf(folders, id, generation, 0);
  await ticksOf(folders, id, generation, ticks);
}

for (const moment of BEFORE) {
  test(`killed at ${moment}: rolled back, the guest is where it was`, async (context) => {
    const upgrade = await dieDuringUpgrade(context, moment, {});
    assert.is(upgrade.state, 'rolled-back', JSON.stringify(upgrade.reason));
    assert.is(upgrade.reason?.code, 'daemon_restarted');
    await guestIsWell(context, upgrade.sourceGeneration);
  });
}

for (const moment of GOING_BACK) {
  test(`killed at ${moment}: goes back again, with the first cause`, async (context) => {
    const upgrade = await dieDuringUpgrade(context, moment, { build: context.build });
    assert.is(upgrade.state, 'rolled-back', JSON.stringify(upgrade.reason));
    assert.is(upgrade.reason?.code, 'transfer_failed');
    await guestIsWell(context, upgrade.sourceGeneration);
  });
}

for (const moment of AFTER) {
  test(`killed at ${moment}: finished, the guest is on the other side`, async (context) => {
    const upgrade = await dieDuringUpgrade(context, moment, {});
    assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
    await guestIsWell(context, upgrade.targetGeneration);
  });
}

test('a paused machine killed before the commit is paused where it was, and resumes', async (context) => {
  const { daemon, folders, id } = context;
  await daemon.client.perform(`/v1/machines/${id}/pause`);
  const upgrade = await dieDuringUpgrade(context, 'acted:verify', {});
  assert.is(upgrade.state, 'rolled-back', JSON.stringify(upgrade.reason));
  const machine = await daemon.client.get<MachineDocument>(`/v1/machines/${id}`);
  assert.is(machine.state, 'paused');
  assert.is(machine.generation, upgrade.sourceGeneration);
  assert.is(vmmPids(folders).length, 1);
  await daemon.client.perform(`/v1/machines/${id}/resume`);
  await guestIsWell(context, upgrade.sourceGeneration);
});

test('a paused machine killed at the commit is paused on the other side, and resumes', async (context) => {
  const { daemon, id } = context;
  await daemon.client.perform(`/v1/machines/${id}/pause`);
  const upgrade = await dieDuringUpgrade(context, 'begun:commit', {});
  assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
  assert.is((await daemon.client.get<MachineDocument>(`/v1/machines/${id}`)).state, 'paused');
  await daemon.client.perform(`/v1/machines/${id}/resume`);
  await guestIsWell(context, upgrade.targetGeneration);
});

test('the target dies together with the daemon that was committing: failed, and no stale guest runs', async (context) => {
  const { daemon, folders, id } = context;
  daemon.dieAt('acted:commit');
  const { upgrade: path } = await daemon.client.post<{ upgrade: string }>(`/v1/machines/${id}/upgrade`);
  await daemon.died();
  const newest = new LinuxProcesses().findByArgument(`unix:${folders.runtimeDir}/`).sort(byStart).at(-1);
  process.kill(newest?.pid ?? 0, 'SIGKILL');
  await daemon.start();
  const upgrade = await waitFor(
    async () => {
      const document = await daemon.client.get<UpgradeDocument>(path);
      return document.finishedAt === null ? null : document;
    },
    { what: 'the upgrade to end' },
  );
  assert.is(upgrade.state, 'failed');
  assert.is(upgrade.reason?.code, 'commit_unconfirmed');
  assert.is((await daemon.client.get<MachineDocument>(`/v1/machines/${id}`)).state, 'crashed');
  assert.equal(vmmPids(folders), []);
  await daemon.client.perform(`/v1/machines/${id}/start`);
});

test('after all these an upgrade without a death works', async (context) => {
  const { daemon, id } = context;
  const path = await daemon.client.perform(`/v1/machines/${id}/upgrade`);
  const upgrade = await daemon.client.get<UpgradeDocument>(path.replace('operations', 'upgrades'));
  assert.is(upgrade.state, 'succeeded');
  await guestIsWell(context, upgrade.targetGeneration);
});

test.run();
