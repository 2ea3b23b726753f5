/** A source whose monitor does not answer when a restarted daemon goes back: it is waited for, and found again. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { waitFor } from '../../helpers/wait.js';
import { vmmPids } from '../fixture.js';
import {
  endRecovery,
  guestIsWell,
  type MachineDocument,
  type Recovery,
  startRecovery,
  type UpgradeDocument,
} from './recovery-fixture.js';

const test = suite<Recovery>('upgrade, source silent after a restart of the daemon');

test.before(startRecovery);
test.after(endRecovery);

/** Dies in the middle of an upgrade; the next daemon finds the source frozen and takes the upgrade up. */
async function restartWithFrozenSource({ daemon, folders, id }: Recovery): Promise<{ thaw(): void }> {
  const [pid = 0] = vmmPids(folders);
  daemon.dieAt('acted:prepare-source');
  await daemon.client.post(`/v1/machines/${id}/upgrade`, {}).catch(() => undefined);
  await daemon.died();
  process.kill(pid, 'SIGSTOP');
  await daemon.start();
  return { thaw: () => process.kill(pid, 'SIGCONT') };
}

async function endedUpgrade({ daemon }: Recovery): Promise<UpgradeDocument> {
  const newest = async () => {
    const { upgrades } = await daemon.client.get<{ upgrades: UpgradeDocument[] }>('/v1/upgrades');
    return upgrades[0]?.finishedAt == null ? null : upgrades[0];
  };
  return waitFor(newest, { deadlineMs: 40_000, what: 'the upgrade to end' });
}

test('one that answers a little later: rolled back', async (context) => {
  const { thaw } = await restartWithFrozenSource(context);
  thaw();
  const upgrade = await endedUpgrade(context);
  assert.is(upgrade.state, 'rolled-back', JSON.stringify(upgrade.reason));
  await guestIsWell(context, upgrade.sourceGeneration);
});

test('one that answers too late: failed, and the machine is seen to run again', async (context) => {
  const { thaw } = await restartWithFrozenSource(context);
  const upgrade = await endedUpgrade(context);
  assert.is(upgrade.state, 'failed');
  assert.is(upgrade.reason?.code, 'source_not_resumed');
  const { client } = context.daemon;
  const state = async () => (await client.get<MachineDocument>(`/v1/machines/${context.id}`)).state;
  assert.is(await state(), 'unresponsive');
  thaw();
  await waitFor(async () => (await state()) === 'running', { what: 'the machine to be seen to run' });
  await guestIsWell(context, upgrade.sourceGeneration);
});

test.run();
