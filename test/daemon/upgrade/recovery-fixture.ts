/** A daemon that can be killed at a moment of an upgrade, a guest, and how to see that the guest is well. */
import * as assert from 'uvu/assert';
import { waitFor } from '../../helpers/wait.js';
import { type Folders, makeFolders, tearDown, ticksOf, vmmPids, writeFake } from '../fixture.js';
import { MortalDaemon } from '../mortal-daemon.js';

export interface Recovery {
  folders: Folders;
  daemon: MortalDaemon;
  id: string;
  build: string;
}

export interface UpgradeDocument {
  readonly id: string;
  readonly state: string;
  readonly finishedAt: string | null;
  readonly targetGeneration: number;
  readonly sourceGeneration: number;
  readonly restoredGeneration: number | null;
  readonly reason: { readonly code: string; readonly message: string } | null;
}

export interface MachineDocument {
  readonly state: string;
  readonly generation: number;
  readonly operation: string | null;
}

export async function startRecovery(recovery: Recovery): Promise<void> {
  recovery.folders = await makeFolders();
  recovery.daemon = new MortalDaemon(recovery.folders);
  await recovery.daemon.start();
  const { client } = recovery.daemon;
  const document = { name: 'm', memoryMiB: 32, kernel: recovery.folders.kernel };
  recovery.id = (await client.post<{ id: string }>('/v1/machines', document)).id;
  await client.perform(`/v1/machines/${recovery.id}/start`);
  const path = writeFake(recovery.folders, 'rejects-load');
  recovery.build = (await client.post<{ id: string }>('/v1/builds', { kind: 'baton', path })).id;
}

export async function endRecovery({ folders, daemon }: Recovery): Promise<void> {
  await daemon.stop();
  await tearDown(folders, null);
}

/**
 * Asks for an upgrade, sees the daemon die in it, starts it again, and returns how the upgrade ended. `again`: a moment
 * at which the second daemon dies as well, while it takes the upgrade up.
 */
export async function dieDuringUpgrade(
  { daemon, id }: Recovery,
  moment: string,
  body: object,
  again: string | null = null,
): Promise<UpgradeDocument> {
  const { client } = daemon;
  daemon.dieAt(moment);
  const asked = await client.post<{ upgrade: string }>(`/v1/machines/${id}/upgrade`, body).catch(() => null);
  await daemon.died();
  if (again !== null) await daemon.startToDie(again);
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

/** Exactly one VMM, and the guest in it ticks. */
export async function guestIsWell({ daemon, folders, id }: Recovery, generation: number): Promise<void> {
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
