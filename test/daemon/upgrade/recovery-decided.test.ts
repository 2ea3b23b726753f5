/**
 * The daemon is killed while it goes back, and from the intent to commit on: what was begun is taken up, back
 * with the first cause, or forward to the end.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LinuxProcesses } from '../../../daemon/instance/host.js';
import type { ProcessIdentity } from '../../../daemon/instance.js';
import { waitFor } from '../../helpers/wait.js';
import { vmmPids, writeFake } from '../fixture.js';
import {
  dieDuringUpgrade,
  endRecovery,
  guestIsWell,
  type MachineDocument,
  type Recovery,
  startRecovery,
  type UpgradeDocument,
} from './recovery-fixture.js';

const AFTER = [
  'begun:commit',
  'acted:commit',
  'committed',
  'begun:thaw-guest',
  'acted:thaw-guest',
  'begun:release-source',
  'acted:release-source',
  'begun:tell-guest',
  'acted:tell-guest',
  'finished',
];
const GOING_BACK = [
  'going-back',
  'undone:hand-over',
  'undone:prepare-guest',
  'undone:start-target',
  'undone:prepare-source',
  'undone:preflight',
];

const test = suite<Recovery>('upgrade, daemon killed after the way was decided');

test.before(startRecovery);
test.after(endRecovery);

function byStart(a: ProcessIdentity, b: ProcessIdentity): number {
  return a.startTicks - b.startTicks;
}

for (const moment of GOING_BACK) {
  test(`killed at ${moment}: goes back again, with the first cause`, async (context) => {
    const upgrade = await dieDuringUpgrade(context, moment, { build: context.build });
    assert.is(upgrade.state, 'rolled-back', JSON.stringify(upgrade.reason));
    assert.is(upgrade.reason?.code, 'transfer_failed');
    await guestIsWell(context, upgrade.sourceGeneration);
  });
}

test('killed at undone:verify: goes back again, with the first cause', async (context) => {
  const path = writeFake(context.folders, 'runs-unasked');
  const { id: build } = await context.daemon.client.post<{ id: string }>('/v1/builds', {
    kind: 'baton',
    path,
  });
  const upgrade = await dieDuringUpgrade(context, 'undone:verify', { build });
  assert.is(upgrade.state, 'rolled-back', JSON.stringify(upgrade.reason));
  assert.is(upgrade.reason?.code, 'target_not_verified');
  await guestIsWell(context, upgrade.sourceGeneration);
});

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
