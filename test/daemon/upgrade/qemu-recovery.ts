/**
 * A daemon that is killed at moments of an upgrade of a real QEMU, by any mode, and how to see that the guest has
 * lost nothing: its ticks go on from where they were, one VMM runs, and nothing of the upgrade is left.
 */
import { existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import * as assert from 'uvu/assert';
import type { UpgradeMode } from '../../../daemon/upgrade.js';
import { findInCache, type QemuTarget, type QemuVersion } from '../../fetch/cache.js';
import { waitFor } from '../../helpers/wait.js';
import { TOLD } from '../die-at.js';
import { keeperPids, tickerLines, ticksOf, vmmPids } from '../fixture.js';
import { MortalDaemon } from '../mortal-daemon.js';
import { atTakeOver, makeQemuFolders, writeWrapper } from '../qemu-fixture.js';
import {
  dieDuringUpgrade,
  type MachineDocument,
  type Recovery,
  type UpgradeDocument,
} from './recovery-fixture.js';

export interface QemuRecovery extends Recovery {
  mode: UpgradeMode;
  /** One that loads, and one that ends when it is to take a guest over. */
  good: string;
  bad: string;
}

export interface QemuRecoveryPlan {
  readonly mode: UpgradeMode;
  readonly architecture: QemuTarget;
  readonly source: string;
  readonly target: string;
}

/** Both binaries, or why there is not one. */
export function pairOf(from: QemuVersion, to: QemuVersion, architecture: QemuTarget) {
  const found = [from, to].map((version) => findInCache().qemu(version, architecture));
  const [source = '', target = ''] = found.map((qemu) =>
    'missing' in qemu ? '' : (qemu.argvPrefix[0] ?? ''),
  );
  const missing = found.flatMap((qemu) => ('missing' in qemu ? [qemu.missing] : []))[0] ?? null;
  return { architecture, source, target, missing };
}

export async function startQemuRecovery(recovery: QemuRecovery, plan: QemuRecoveryPlan): Promise<void> {
  const { mode, architecture, source, target } = plan;
  recovery.mode = mode;
  recovery.folders = await makeQemuFolders(architecture);
  recovery.daemon = new MortalDaemon(recovery.folders);
  await recovery.daemon.start();
  recovery.build = await register(recovery, 'source', source);
  recovery.good = await register(recovery, 'target', target);
  recovery.bad = await registerBad(recovery, 'bad', { binary: target, act: 'exit 7' });
  await boot(recovery);
}

async function boot(recovery: QemuRecovery): Promise<void> {
  const { daemon, folders, build } = recovery;
  const document = { name: 'm', memoryMiB: 64, kernel: folders.kernel, accelerator: 'tcg', build };
  recovery.id = (await daemon.client.post<{ id: string }>('/v1/machines', document)).id;
  await daemon.client.perform(`/v1/machines/${recovery.id}/start`);
  await ticksOf(folders, recovery.id, 1, 0);
}

/** Another guest, on the source's build, in place of one that may be on the target's. */
export async function bootAnother(recovery: QemuRecovery): Promise<void> {
  const { daemon, id } = recovery;
  await daemon.client.perform(`/v1/machines/${id}/kill`);
  await daemon.client.delete(`/v1/machines/${id}`);
  await boot(recovery);
}

async function register({ daemon, folders }: Recovery, name: string, binary: string): Promise<string> {
  const path = `${folders.path}/${name}`;
  symlinkSync(binary, path);
  return (await daemon.client.post<{ id: string }>('/v1/builds', { kind: 'qemu', path })).id;
}

/** A build that does `act`, a line of shell, when it is to take a guest over. */
export function registerBad(
  recovery: Recovery,
  name: string,
  { binary, act }: { readonly binary: string; readonly act: string },
): Promise<string> {
  const path = writeWrapper(recovery.folders, name, { binary, lines: atTakeOver(act) });
  return register(recovery, name, path);
}

async function machineOf({ daemon, id }: Recovery): Promise<MachineDocument> {
  const settled = async () => {
    const machine = await daemon.client.get<MachineDocument>(`/v1/machines/${id}`);
    return machine.operation === null ? machine : null;
  };
  return waitFor(settled, { deadlineMs: 30_000, what: 'nothing to be under way' });
}

export interface Survived {
  readonly upgrade: UpgradeDocument;
  /** What the guest had counted to when the upgrade was asked for. */
  readonly ticksBefore: number;
}

export interface Death {
  /** The target; default: a good one. */
  readonly build?: string;
  /** The daemon that was started again dies at this moment, and a third one is started. */
  readonly again?: string;
}

/** Upgrades, with a daemon that dies at `moment` and is started again. */
export async function killAt(
  recovery: QemuRecovery,
  moment: string,
  { build = recovery.good, again }: Death = {},
): Promise<Survived> {
  const { generation } = await machineOf(recovery);
  const ticksBefore = await ticksOf(recovery.folders, recovery.id, generation, 0);
  const upgrade = await dieDuringUpgrade(recovery, moment, { build, mode: recovery.mode }, again);
  return { upgrade, ticksBefore };
}

/** All that upgrades of this recovery came to. */
export function toldMoments({ folders }: Recovery): readonly string[] {
  return readFileSync(`${folders.stateDir}/${TOLD}`, 'utf8').trimEnd().split('\n');
}

/** The guest is where the upgrade says that it is, and has lost nothing. */
export async function wentOn(
  recovery: QemuRecovery,
  { upgrade, ticksBefore }: Survived,
): Promise<MachineDocument> {
  const { folders, id } = recovery;
  const machine = await machineOf(recovery);
  const back = upgrade.restoredGeneration ?? upgrade.sourceGeneration;
  assert.is(machine.generation, upgrade.state === 'succeeded' ? upgrade.targetGeneration : back);
  assert.is(machine.state, 'running');
  assert.is(vmmPids(folders).length, 1, 'one VMM');
  assert.equal(keeperPids(folders), [], 'no keeper');
  const left = readdirSync(`${folders.stateDir}/machines/${id}`).filter((name) => name.startsWith('u'));
  assert.equal(left, [], 'no state');
  const sockets = `${folders.runtimeDir}/${id.slice(0, 8)}`;
  assert.equal(readdirSync(sockets), [String(machine.generation)], 'nothing but its sockets');
  assert.ok(existsSync(`${sockets}/${machine.generation}/qmp.sock`));
  const ticks = await ticksOf(folders, id, machine.generation, ticksBefore);
  await ticksOf(folders, id, machine.generation, ticks);
  const counts = tickerLines(folders, id, machine.generation).map((line) => line.ticks);
  assert.equal(
    counts,
    [...counts].sort((a, b) => a - b),
    'the guest counts on',
  );
  return machine;
}
