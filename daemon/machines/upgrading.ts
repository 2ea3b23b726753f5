/** Gives the engine what it needs of one machine, for a new upgrade and for one that an earlier daemon began. */
import type { Logger } from 'pino';
import type { RunningInstance } from '../instance/running-instance.js';
import { type Machine, shortId } from '../machine.js';
import type { PreflightReport } from '../preflight/preflight.js';
import { type Outcome, UpgradeEngine } from '../upgrade/engine.js';
import { Journal } from '../upgrade/journal.js';
import { stepsOf } from '../upgrade/modes.js';
import { sourceOf, type UpgradeContext } from '../upgrade/step.js';
import type { Upgrade } from '../upgrade.js';
import type { FrozenGuest } from './frozen-guest.js';
import type { MachineInstances } from './instances.js';
import type { Services } from './services.js';
import type { UpgradeRequest } from './upgrade-request.js';
import { AgentOfUpgrade } from './upgraded-guest.js';

export interface UpgradeRun {
  readonly services: Services;
  readonly instances: MachineInstances;
  readonly frozen: FrozenGuest;
  readonly machine: Machine;
  readonly upgrade: Upgrade;
  readonly source: RunningInstance | null;
  /** Null in a new upgrade; in one taken up, the target if it lives. */
  readonly target: RunningInstance | null;
  readonly recovering: boolean;
  /** How it was asked for; no more known, nor needed, in one taken up. */
  readonly request: UpgradeRequest | null;
  readonly cancel: AbortSignal;
  readonly log: Logger;
  readonly writeEnd: (outcome: Outcome) => void;
}

/** Resolves, when it has ended, with the instance that is the machine then; null: none is. */
export async function runUpgrade(run: UpgradeRun): Promise<RunningInstance | null> {
  const { services, upgrade, log, cancel } = run;
  const journal = new Journal(services.store, upgrade, services.journalObserver);
  const context = makeContext(run, journal);
  for (const side of [context.source, context.target]) {
    if (side !== null && !side.isAnswering) side.reconnectLater();
  }
  const engine = new UpgradeEngine({
    context,
    stepsOf,
    journal,
    log,
    cancel,
    deadlinesMs: services.deadlinesMs,
    writeEnd: run.writeEnd,
  });
  try {
    await (run.recovering ? engine.recover() : engine.run());
  } finally {
    services.consoles.release(upgrade.machineId);
  }
  return instanceAfter(run, context);
}

function instanceAfter(
  { services, source, upgrade: { machineId } }: UpgradeRun,
  left: Pick<UpgradeContext, 'source' | 'target'>,
): RunningInstance | null {
  const generation = services.store.machines.byId(machineId)?.currentGeneration;
  const current = [left.source, left.target].find((side) => side?.generation === generation) ?? null;
  /* A source that became a target which could not be gone back from: its process is all that there was. */
  const wasReplaced = source !== null && left.source === null;
  return current ?? (wasReplaced ? left.target : null);
}

/** All of a guest's memory does not belong into a runtime folder, which is memory itself on most hosts. */
function folderOf(
  { services: { stateDir, runtimeDir } }: UpgradeRun,
  { mode, machineId, targetGeneration }: Upgrade,
): string {
  const parent =
    mode === 'cpr-reboot' ? `${stateDir}/machines/${machineId}` : `${runtimeDir}/${shortId(machineId)}`;
  return `${parent}/u${targetGeneration}`;
}

function makeContext(run: UpgradeRun, journal: Journal): UpgradeContext {
  const { services, instances, machine, upgrade } = run;
  const sourceBuild = services.builds.byId(upgrade.sourceBuild);
  const targetBuild = services.builds.byId(upgrade.targetBuild);
  const generation = upgrade.targetGeneration;
  const context: UpgradeContext = {
    upgrade,
    machine,
    recovering: run.recovering,
    sourceBuild,
    targetBuild,
    source: run.source,
    target: run.target,
    host: services.host,
    guest: guestOf(run, () => context.upgrade),
    sourceEvents: null,
    targetEvents: null,
    loadedStatus: null,
    stopAtUs: { value: null },
    resumeAtUs: { value: null },
    get folder() {
      return folderOf(run, context.upgrade);
    },
    sourceHardware: null,
    examine: (signal) => examine(run, context, signal),
    launchTarget: async (incoming) => {
      context.target = await instances.launch({ machine, generation, build: targetBuild, incoming });
      return context.target;
    },
    announceTarget: () => {
      const plan = { machine, generation, build: targetBuild, incoming: 'state' } as const;
      return instances.announce(plan, sourceOf(context));
    },
    becomeTarget: () => {
      context.target = instances.replace(sourceOf(context), generation);
      context.source = null;
    },
    launchRescue: () => {
      const plan = { generation: instances.nextGeneration(), build: sourceBuild, incoming: 'cpr' } as const;
      return instances.launch({ machine, ...plan });
    },
    becomeSource: (rescue) => {
      journal.restored(rescue.generation);
      context.source = rescue;
    },
    discardTarget: () => instances.discard(generation),
    holdInput: () => services.consoles.hold(upgrade.machineId, upgrade.sourceGeneration),
    guestPaused: () => journal.guestPaused(),
  };
  return context;
}

function guestOf(
  { services, machine, frozen, log }: UpgradeRun,
  upgrade: () => Upgrade,
): UpgradeContext['guest'] {
  const { guestAgent, memoryMiB } = machine.spec;
  if (!guestAgent) return null;
  const { store, journalObserver: observer, deadlinesMs } = services;
  const deadlines = { answerMs: deadlinesMs['guest-agent'], noticeMs: deadlinesMs['guest-notice'] };
  return new AgentOfUpgrade({ store, frozen, memoryMiB, log, observer, upgrade, ...deadlines });
}

async function examine(
  { services, machine, request, upgrade: { id } }: UpgradeRun,
  context: UpgradeContext,
  signal: AbortSignal,
): Promise<PreflightReport> {
  const { upgrade, sourceBuild, targetBuild } = context;
  const report = await services.preflight.examine(
    {
      machine,
      source: { instance: sourceOf(context), build: sourceBuild, wasRunning: upgrade.wasRunning },
      target: targetBuild,
      requested: request?.mode ?? upgrade.mode,
      allowDowntime: request?.allowDowntime ?? false,
      forced: request?.force ?? [],
      rehearse: true,
      holdMachine: (work) => work(signal),
    },
    signal,
  );
  const { mode, modeReason, findings } = report;
  const result = { mode: mode ?? upgrade.mode, modeReason, findings };
  services.store.durably(() => services.store.upgrades.setPreflight(id, result));
  context.upgrade = { ...upgrade, ...result };
  return report;
}
