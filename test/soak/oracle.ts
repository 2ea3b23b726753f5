/** What must hold when a round is over: complaints, each a sentence. Waits for what may take a moment, with deadlines. */
import { setTimeout as delay } from 'node:timers/promises';
import { waitFor } from '../helpers/wait.js';
import type { Deed } from './faults.js';
import type { FaultName } from './plan.js';
import type { MachineDocument, OperationDocument, SoakMachine, UpgradeDocument } from './soak-machine.js';
import type { Stage } from './stage.js';
import { descriptorsOf, signal, zombiesOf } from './vmm-processes.js';

const SETTLE_DEADLINE_MS = 25_000;
const TICK_DEADLINE_MS = 8_000;
const LAST_WORDS_MS = 3_000;
const LEAST_TICKS = 30;
const STILL_MS = 150;
/** Clients' connections come and go. */
const MORE_DESCRIPTORS = 20;
/** A source that was frozen for longer than its deadlines cannot be brought back in time, and that is said. */
const LONG_FREEZE_MS = 1_000;

export interface Round {
  readonly machine: SoakMachine;
  readonly wasPaused: boolean;
  readonly deeds: readonly Deed[];
  readonly operations: readonly OperationDocument[];
  readonly upgrades: readonly UpgradeDocument[];
}

export async function judgeMachine(round: Round): Promise<string[]> {
  const { machine, operations, upgrades } = round;
  for (const { pid } of machine.processes) signal(pid, 'SIGCONT');
  const complaints = [...upgrades.flatMap(judgeUpgrade), ...operations.flatMap(judgeOperation)];
  const settled = await settle(machine, round.wasPaused ? 'paused' : 'running');
  if (typeof settled === 'string') return [...complaints, settled];
  complaints.push(...judgeState(round, settled), ...(await judgeGuest(machine, settled)));
  const alive = new Set(machine.processes.map(({ generation }) => generation));
  for (const generation of machine.folders.filter((folder) => !alive.has(folder))) {
    const left = machine.socketsOf(generation);
    if (left.length > 0) complaints.push(`sockets of generation ${generation}, which is dead: ${left}`);
  }
  return [...complaints, ...machine.watch.complaints, ...machine.consoleComplaints()];
}

function judgeUpgrade({ state, reason }: UpgradeDocument): string[] {
  if (!['succeeded', 'rolled-back', 'failed', 'cancelled'].includes(state)) return [`an upgrade is ${state}`];
  if (state === 'succeeded') return [];
  if (reason === null || reason.message === '') return [`an upgrade ended as ${state} without a reason`];
  return reason.code === 'internal_error' ? [`an upgrade broke: ${reason.message}`] : [];
}

function judgeOperation({ kind, state, error }: OperationDocument): string[] {
  return state === 'failed' && error === null ? [`a ${kind} failed without a reason`] : [];
}

/**
 * The machine's document once it agrees with the processes, or what does not agree. A VMM that was frozen until now
 * has something to say first, so what the machine was before is waited for.
 */
async function settle(machine: SoakMachine, before: string): Promise<MachineDocument | string> {
  const startedAtMs = performance.now();
  const look = async () => {
    const document = await machine.document();
    return { document, processes: machine.processes };
  };
  const agrees = async () => {
    const { document, processes } = await look();
    const runs = document.state === 'running' || document.state === 'paused';
    const rests = document.state === 'stopped' || document.state === 'crashed';
    const isRight = (runs && processes[0]?.generation === document.generation) || rests;
    if (runs && document.state !== before && performance.now() < startedAtMs + LAST_WORDS_MS)
      return undefined;
    return isRight && processes.length === (runs ? 1 : 0) ? document : undefined;
  };
  try {
    return await waitFor(agrees, { deadlineMs: SETTLE_DEADLINE_MS, what: 'agreement' });
  } catch {
    const { document, processes } = await look();
    const { state, stateReason, generation } = document;
    return `does not settle: ${state} (${stateReason}), generation ${generation}, processes ${JSON.stringify(processes)}`;
  }
}

function judgeState(round: Round, { state, stateReason }: MachineDocument): string[] {
  const { wasPaused, deeds, upgrades } = round;
  const accepted = (name: FaultName) =>
    deeds.some(({ fault, said }) => fault.name === name && said === 'accepted');
  if (state === 'stopped' || state === 'crashed') {
    if (accepted('stop')) return [];
    if (!mayBeLost(round)) return [`the guest is lost: ${state} (${stateReason})`];
    return state === 'crashed' ? [] : [`the VMM was killed, but the machine is ${state} (${stateReason})`];
  }
  const isPlain = !accepted('pause') && !accepted('resume');
  if (isPlain && state !== (wasPaused ? 'paused' : 'running')) {
    const wasFrozen = deeds.some(
      ({ fault }) => fault.name === 'freeze-source' && fault.lastsMs >= LONG_FREEZE_MS,
    );
    const isSaid = upgrades.some(({ reason }) => reason?.code === 'source_not_resumed');
    if (!(wasFrozen && isSaid))
      return [`was ${wasPaused ? 'paused' : 'running'}, but is ${state} (${stateReason})`];
  }
  return [];
}

/** Only who kills the one VMM that has the guest loses it. */
function mayBeLost({ deeds, upgrades }: Round): boolean {
  return deeds.some(({ fault, generation }) => {
    const isTarget = ({ committed, targetGeneration }: UpgradeDocument) =>
      committed && targetGeneration === generation;
    const isSource = ({ committed, sourceGeneration }: UpgradeDocument) =>
      committed && sourceGeneration === generation;
    if (generation === null) return false;
    if (fault.name === 'kill-source') return !upgrades.some(isSource);
    return fault.name === 'kill-target' && upgrades.some(isTarget);
  });
}

async function judgeGuest(machine: SoakMachine, { state }: MachineDocument): Promise<string[]> {
  const before = machine.watch.sample() ?? 0;
  if (state === 'running') {
    const ticks = () => (machine.watch.sample() ?? 0) > before + LEAST_TICKS;
    try {
      await waitFor(ticks, { deadlineMs: TICK_DEADLINE_MS, what: 'ticks' });
    } catch {
      return ['is said to run, but its guest does not tick'];
    }
    return [];
  }
  await delay(STILL_MS);
  return machine.watch.sample() === before ? [] : [`is ${state}, but its guest ticks`];
}

export class DaemonJudge {
  #pid = 0;
  #atFirst = 0;

  judge(stage: Stage): string[] {
    const complaints = stage.complaints.splice(0);
    const descriptors = descriptorsOf(stage.daemonPid) ?? [];
    if (this.#pid !== stage.daemonPid) {
      this.#pid = stage.daemonPid;
      this.#atFirst = descriptors.length;
    } else if (descriptors.length > this.#atFirst + MORE_DESCRIPTORS) {
      complaints.push(
        `the daemon has ${descriptors.length} descriptors, had ${this.#atFirst}: ${descriptors}`,
      );
    }
    const zombies = zombiesOf(stage.daemonPid);
    if (zombies.length > 0) complaints.push(`the daemon has ended children: ${zombies}`);
    if (stage.daemonOutput.includes('"level":60')) complaints.push('the daemon logged a fatal error');
    return complaints;
  }
}
