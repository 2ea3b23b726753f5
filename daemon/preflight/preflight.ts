/**
 * Preflight: can this machine go to that build, in which mode, and if not, why and what would help. It asks the
 * running instance, both binaries and the host, and in the end rehearses with two instances of an empty machine
 * of the same shape. It changes nothing on the machine. All of it has deadlines and ends with `signal`.
 *
 * What is the same for all modes is looked at once; then the modes, best first, until nothing blocks one.
 */
import type { Build } from '../build.js';
import type { BuildRegistry } from '../builds.js';
import { BatonError, messageOf } from '../errors.js';
import type { PlannedMachine } from '../instance/driver.js';
import type { HostProcesses } from '../instance/host.js';
import type { RunningInstance } from '../instance/running-instance.js';
import { STEPS } from '../upgrade/modes.js';
import {
  candidates,
  chooseMode,
  describe,
  type ModeFindings,
  type RequestedMode,
} from '../upgrade/policy.js';
import type { UpgradeMode } from '../upgrade.js';
import { adoptedFindings, NOT_REHEARSED } from './adopted.js';
import { type BuildOfSide, type BuildsAnswer, compareBuilds } from './builds.js';
import { type Carrying, connectionFindings } from './connections.js';
import { machineFileFindings, wayBackFindings } from './files.js';
import {
  blocks,
  type Finding,
  type FindingCode,
  force,
  SEVERITIES,
  type Verdict,
  verdictOn,
} from './finding.js';
import type { Recall } from './kept-answers.js';
import { Rehearsals } from './rehearsals.js';
import { diskFindings, memoryFindings } from './room.js';
import { askSource, type SourceFacts } from './source-facts.js';
import { sourceFindings, sourceModeFindings } from './source-findings.js';

export interface PreflightRequest {
  readonly requested: RequestedMode;
  /** Whether auto may take a mode in which the guest stands still for long. */
  readonly allowDowntime: boolean;
  readonly forced: readonly FindingCode[];
  readonly rehearse: boolean;
}

/** The process that runs the machine. */
export interface PreflightSource {
  readonly instance: RunningInstance;
  readonly build: Build;
  readonly wasRunning: boolean;
}

/**
 * Does `work` while nothing else works on the machine; null when something does. The signal of the work is
 * aborted when something is about to.
 */
export type HoldMachine = <T>(work: (signal: AbortSignal) => Promise<T>) => Promise<T | null>;

export interface Examination extends PreflightRequest {
  readonly machine: PlannedMachine;
  /** Null: no process runs it. */
  readonly source: PreflightSource | null;
  readonly target: Build;
  readonly holdMachine: HoldMachine;
}

export interface PreflightReport {
  /** Id of the target. */
  readonly build: string;
  /** Null when there is none to look at. */
  readonly mode: UpgradeMode | null;
  readonly modeReason: string;
  readonly verdict: Verdict;
  /** What blocks first. */
  readonly findings: readonly Finding[];
}

export interface PreflightOptions {
  readonly builds: BuildRegistry;
  readonly host: HostProcesses;
  readonly stateDir: string;
  readonly runtimeDir: string;
  /** For what may outlive the daemon. */
  readonly recall: Recall;
  /** Of the daemon. */
  readonly version: string;
}

/** What is known before the modes are looked at. */
interface Known {
  readonly from: BuildOfSide;
  readonly to: BuildOfSide;
  readonly said: SourceFacts | null;
  readonly builds: BuildsAnswer;
  readonly isBlocked: boolean;
}

/** They are stored with each upgrade. */
const MAX_FINDINGS = 200;
const SOURCE_DEADLINE_MS = 10_000;
const BUSY: Finding = {
  code: 'operation_in_progress',
  severity: 'block',
  sentence: 'another operation works on the machine, so that its VMM was not asked',
  remedy: 'wait until it has ended, and ask again',
};
const DOWNTIME: Finding = {
  code: 'downtime_not_allowed',
  severity: 'block',
  sentence: 'cpr-reboot would move it, but the guest stands still while its memory goes through a file',
  remedy: 'ask for cpr-reboot, or for auto with allowDowntime',
};
const SKIPPED: Finding = {
  code: 'rehearsal_skipped',
  severity: 'info',
  sentence: 'it was not rehearsed, as asked',
  remedy: 'nothing to do: the upgrade itself rehearses',
};

export class Preflight {
  readonly #options: PreflightOptions;
  readonly #rehearsals: Rehearsals;

  constructor(options: PreflightOptions) {
    this.#options = options;
    this.#rehearsals = new Rehearsals(options);
  }

  async examine(examination: Examination, signal: AbortSignal): Promise<PreflightReport> {
    const { machine, source, target, requested, forced } = examination;
    const offered = source && candidates(requested, source.build, target, new Set(STEPS.keys()));
    const asked = source && (await ask(source, offered?.modes ?? [], examination.holdMachine, signal));
    const pid = source?.instance.process.pid ?? null;
    const sides = {
      source: source && (await this.#side(source.build)),
      target: await this.#side(target),
    };
    const builds = await compareBuilds(
      { machine, ...sides, typesInUse: asked?.said?.typesInUse ?? null },
      signal,
    );
    const ofHost = await machineFileFindings(machine.spec, pid);
    const general = force([...(asked?.findings ?? []), ...builds.findings, ...ofHost], forced);
    if (sides.source === null || offered === null) {
      return report(target, null, 'nothing has to be moved', [...general, stopped(target)]);
    }
    const said = asked?.said ?? null;
    const { source: from, target: to } = sides;
    const known = { from, to, said, builds, isBlocked: blocks(general) };
    const examined: ModeFindings[] = [];
    for (const mode of offered.modes) {
      const findings = await this.#ofMode(mode, examination, known, signal);
      examined.push({ mode, findings });
      if (!blocks(findings)) break;
    }
    const [first, ...others] = examined;
    if (first === undefined) {
      const why = describe(offered.passedOver);
      return report(target, null, why, [...general, noMode(why)]);
    }
    const { mode, reason } = chooseMode(requested, offered, [first, ...others]);
    const ofMode = examined.find((one) => one.mode === mode)?.findings ?? [];
    const wouldHelp = mode === 'cpr-reboot' ? [] : others.filter(({ findings }) => onlyDowntime(findings));
    const allowed = blocks(ofMode) ? wouldHelp.map(() => DOWNTIME) : [];
    return report(target, mode, reason, [...general, ...ofMode, ...allowed]);
  }

  /** Resolves when nothing is left of what was being tried. */
  close(): Promise<void> {
    return this.#rehearsals.close();
  }

  async #side(build: Build): Promise<BuildOfSide> {
    const { builds } = this.#options;
    const driver = builds.driver(build.kind);
    try {
      return { build: await builds.verify(build), driver };
    } catch (error) {
      /* It is there and could be run when it was registered. */
      if (!(error instanceof BatonError && error.code === 'build_not_usable')) throw error;
      return { build: { ...build, fileState: 'replaced' }, driver };
    }
  }

  async #ofMode(
    mode: UpgradeMode,
    examination: Examination,
    known: Known,
    signal: AbortSignal,
  ): Promise<readonly Finding[]> {
    const { machine, source, requested, allowDowntime, forced, rehearse } = examination;
    const { from, to, said, builds, isBlocked } = known;
    const findings = force(
      [
        ...(said === null ? [] : sourceModeFindings(said, mode)),
        ...wayBackFindings(from.build, mode),
        ...(builds.needs === null ? [] : connectionFindings(builds.needs, mode, carryingOf(machine, to))),
        ...adoptedFindings(machine, source?.instance.generation ?? null, mode),
        ...(await diskFindings(machine.spec, mode, this.#options)),
        ...(await memoryFindings(machine.spec, mode)),
        ...(mode === 'cpr-reboot' && requested === 'auto' && !allowDowntime ? [DOWNTIME] : []),
      ],
      forced,
    );
    if (isBlocked || !builds.canBothRun || blocks(findings)) return findings;
    if (!rehearse) return [...findings, SKIPPED];
    if ((machine.adopted ?? null) !== null) return [...findings, NOT_REHEARSED];
    const { id, name, spec } = machine;
    const request = { machine: { id, name, spec }, source: from, target: to, mode };
    return [...findings, ...(await this.#rehearsals.of(request, signal))];
  }
}

async function ask(
  { instance, wasRunning }: PreflightSource,
  modes: readonly UpgradeMode[],
  holdMachine: HoldMachine,
  signal: AbortSignal,
): Promise<{ said: SourceFacts | null; findings: readonly Finding[] }> {
  const limit = AbortSignal.any([signal, instance.gone, AbortSignal.timeout(SOURCE_DEADLINE_MS)]);
  const interruptions: AbortSignal[] = [];
  try {
    const said = await holdMachine((interrupted) => {
      interruptions.push(interrupted);
      return askSource(instance, modes, AbortSignal.any([limit, interrupted]));
    });
    return { said, findings: said === null ? [BUSY] : sourceFindings(said, wasRunning) };
  } catch (error) {
    signal.throwIfAborted();
    if (interruptions.some(({ aborted }) => aborted)) return { said: null, findings: [BUSY] };
    const sentence = `the source did not answer as it should: ${messageOf(error)}`;
    const remedy = "look at the machine's state and at the log of its VMM";
    return { said: null, findings: [{ code: 'source_unresponsive', severity: 'block', sentence, remedy }] };
  }
}

function onlyDowntime(findings: readonly Finding[]): boolean {
  return findings.every(({ severity, code }) => severity !== 'block' || code === 'downtime_not_allowed');
}

function report(
  { id }: Build,
  mode: UpgradeMode | null,
  modeReason: string,
  found: readonly Finding[],
): PreflightReport {
  const bySeverity = SEVERITIES.flatMap((severity) => found.filter((one) => one.severity === severity));
  const findings = bySeverity.slice(0, MAX_FINDINGS);
  return { build: id, mode, modeReason, verdict: verdictOn(found), findings };
}

/** A machine that was created here has one socket that is the daemon's: the port of its guest's agent. */
function carryingOf({ spec }: PlannedMachine, { driver }: BuildOfSide): Carrying {
  return { ownSockets: Number(spec.guestAgent), carriesNetwork: driver.carriesNetwork };
}

function stopped({ id }: Build): Finding {
  const sentence = `no process runs the machine: what is said is whether ${id} could start it`;
  return { code: 'machine_not_running', severity: 'info', sentence, remedy: 'nothing to do' };
}

function noMode(why: string): Finding {
  const sentence = `no mode can be taken: ${why}`;
  const remedy = 'choose a build that knows the mode, or another mode';
  return { code: 'mode_not_supported', severity: 'block', sentence, remedy };
}
