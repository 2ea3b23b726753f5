/** Domain objects as the interface shows them. */
import { requesterName } from '../access/principal.js';
import type { Build } from '../build.js';
import type { GuestInformation } from '../guest-agent/information.js';
import type { HostFacts } from '../host/facts.js';
import { type Instance, instancePaths } from '../instance.js';
import {
  type GuestFreeze,
  isSaved,
  MACHINE_STATES,
  type MachineOverview,
  type MachineSpec,
  type MachineState,
  type SavedState,
} from '../machine.js';
import type { Frozen } from '../machines/guest-access.js';
import { isCancellable, type Operation, pointOfNoReturn } from '../operation.js';
import type { PreflightReport } from '../preflight/preflight.js';
import type { Upgrade } from '../upgrade.js';
import { operationPath, upgradePath } from './paths.js';

function at(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

/** One that may have been loaded is no way back any more. */
function savedStateView(savedState: SavedState | null, build: string | null) {
  if (savedState === null || !isSaved(savedState)) return null;
  const { bytes, wasRunning, savedAtMs } = savedState;
  return { build, bytes, wasRunning, savedAt: at(savedAtMs) };
}

function frozenView(freeze: GuestFreeze | null) {
  if (freeze === null) return null;
  const { sinceMs, thawAtMs, upgradeId } = freeze;
  const upgrade = upgradeId === null ? null : upgradePath(upgradeId);
  return { since: at(sinceMs), thawsAt: at(thawAtMs), upgrade };
}

/** As plain data: lists that may be written to. */
export function guestView({ interfaces, filesystems, ...said }: GuestInformation) {
  return {
    ...said,
    interfaces: interfaces?.map(({ addresses, ...card }) => ({ ...card, addresses: [...addresses] })) ?? null,
    filesystems: filesystems && [...filesystems],
  };
}

export function guestFrozenView({ sinceMs, thawAtMs, filesystems }: Frozen) {
  return { filesystems, since: at(sinceMs), thawsAt: at(thawAtMs) };
}

export function machineView(overview: MachineOverview, startsOn: string | null) {
  const { machine, build, isOutdated, operationId } = overview;
  return {
    id: machine.id,
    name: machine.name,
    revision: machine.revision,
    labels: machine.labels,
    state: machine.state,
    stateReason: machine.stateReason,
    desiredPower: machine.desiredPower,
    generation: machine.currentGeneration,
    build,
    outdated: isOutdated,
    builds: { ...machine.builds, deny: [...machine.builds.deny], startsOn },
    savedState: savedStateView(machine.savedState, build),
    frozen: frozenView(machine.freeze),
    operation: operationId === null ? null : operationPath(operationId),
    spec: machine.spec,
    adopted: machine.adopted && { ...machine.adopted, args: [...machine.adopted.args] },
    createdAt: at(machine.createdAtMs),
    updatedAt: at(machine.updatedAtMs),
  };
}

export function instanceView(instance: Instance, { display }: Pick<MachineSpec, 'display'>) {
  const paths = instancePaths(instance);
  return {
    generation: instance.generation,
    build: instance.buildId,
    state: instance.state,
    pid: instance.process?.pid ?? null,
    exitCode: instance.exitCode,
    exitSignal: instance.exitSignal,
    endReason: instance.endReason,
    qmpSocket: paths.qmp,
    consoleInput: paths.consoleInput,
    vncSocket: display === null || instance.state === 'gone' ? null : paths.vnc,
    startedAt: at(instance.startedAtMs),
    endedAt: instance.endedAtMs === null ? null : at(instance.endedAtMs),
  };
}

export function operationView(operation: Operation) {
  return {
    id: operation.id,
    kind: operation.kind,
    machine: operation.machineId,
    state: operation.state,
    requester: requesterName(operation.requester),
    upgrade: operation.kind === 'upgrade' ? upgradePath(operation.id) : null,
    phase: operation.upgrade?.state ?? null,
    cancellable: isCancellable(operation),
    pointOfNoReturn: pointOfNoReturn(operation),
    error: operation.error,
    createdAt: at(operation.createdAtMs),
    finishedAt: operation.finishedAtMs === null ? null : at(operation.finishedAtMs),
  };
}

export function upgradeView(upgrade: Upgrade) {
  return {
    id: upgrade.id,
    machine: upgrade.machineId,
    operation: operationPath(upgrade.id),
    mode: upgrade.mode,
    modeReason: upgrade.modeReason,
    state: upgrade.state,
    committed: upgrade.committed,
    sourceGeneration: upgrade.sourceGeneration,
    targetGeneration: upgrade.targetGeneration,
    restoredGeneration: upgrade.restoredGeneration,
    sourceBuild: upgrade.sourceBuild,
    targetBuild: upgrade.targetBuild,
    reason: upgrade.reason && { ...upgrade.reason, vmmOutput: [...upgrade.reason.vmmOutput] },
    findings: [...upgrade.findings],
    guest: {
      ...upgrade.guest,
      acts: upgrade.guest.acts.map(({ atMs, ...act }) => ({ ...act, at: at(atMs) })),
    },
    pauseMs: upgrade.pauseUs === null ? null : upgrade.pauseUs / 1000,
    phases: upgrade.steps.map(({ name, intentAtMs, result, durationUs }) => ({
      name,
      startedAt: at(intentAtMs),
      result,
      durationMs: durationUs === null ? null : durationUs / 1000,
    })),
    createdAt: at(upgrade.createdAtMs),
    finishedAt: upgrade.finishedAtMs === null ? null : at(upgrade.finishedAtMs),
  };
}

export function preflightView(machineId: string, report: PreflightReport) {
  const { build, mode, modeReason, verdict, findings } = report;
  return { machine: machineId, build, mode, modeReason, verdict, findings: [...findings] };
}

export function buildView(build: Build) {
  const { qemu } = build.abilities;
  return {
    id: build.id,
    kind: build.kind,
    path: build.path,
    version: build.version,
    contentHash: build.contentHash,
    fileState: build.fileState,
    modes: [...build.abilities.modes],
    architecture: qemu?.architecture ?? null,
    accelerators: [...(qemu?.accelerators ?? [])],
    machineTypes: (qemu?.machineTypes ?? []).filter(({ deprecated }) => !deprecated).map(({ name }) => name),
    addedAt: at(build.addedAtMs),
  };
}

const STARTED_AT_MS = Date.now() - process.uptime() * 1000;

export function hostView(facts: HostFacts, version: string, counts: ReadonlyMap<MachineState, number>) {
  const { nodeVersion, hostname, kernel, architecture, cpus, memoryBytes, memoryAvailableBytes } = facts;
  const byState = Object.fromEntries(MACHINE_STATES.map((state) => [state, counts.get(state) ?? 0]));
  return {
    ...{ hostname, kernel, architecture, cpus, memoryBytes, memoryAvailableBytes },
    stateDir: facts.stateDir,
    runtimeDir: facts.runtimeDir,
    versions: { batond: version, node: nodeVersion },
    startedAt: at(STARTED_AT_MS),
    machines: { total: [...counts.values()].reduce((sum, count) => sum + count, 0), byState },
  };
}
