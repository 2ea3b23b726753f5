/**
 * The two builds beside one another: their files, whether the target can run the document, and what the binaries
 * say of the move before anything is tried.
 */
import type { Build } from '../build.js';
import { messageOf } from '../errors.js';
import { within } from '../instance/deadline.js';
import type { PlannedMachine, VmmDriver } from '../instance/driver.js';
import { refusalsOf } from '../instance/suitability.js';
import { instancePaths } from '../instance.js';
import { type CommandNeeds, needsOf } from './command-needs.js';
import { sourceFileFindings, targetFileFindings } from './files.js';
import { blocks, type Finding } from './finding.js';

export interface BuildOfSide {
  /** As it was found to be a moment ago. */
  readonly build: Build;
  readonly driver: VmmDriver;
}

export interface BuildsQuestion {
  readonly machine: PlannedMachine;
  /** Null: no process runs the machine. */
  readonly source: BuildOfSide | null;
  readonly target: BuildOfSide;
  /** The types of the devices in the running machine; null: not known. */
  readonly typesInUse: ReadonlySet<string> | null;
}

export interface BuildsAnswer {
  readonly findings: readonly Finding[];
  /** What the target's command line asks for; null: there is none for this machine. */
  readonly needs: CommandNeeds | null;
  /** Whether instances of both can be started. */
  readonly canBothRun: boolean;
}

const COMPARE_DEADLINE_MS = 60_000;
/** Only the words of a command line are looked at, not where it points. */
const NOWHERE = instancePaths({ socketsDir: '/', logsDir: '/' });

export async function compareBuilds(question: BuildsQuestion, signal: AbortSignal): Promise<BuildsAnswer> {
  const { machine, source, target } = question;
  const { build, driver } = target;
  const findings = [...targetFileFindings(build)];
  if (source !== null) {
    findings.push(...sourceFileFindings(source.build), ...pairFindings(source.build, build));
  }
  const refusals = refusalsOf(driver, machine, build);
  findings.push(...refusals.map((refusal) => unsuitable(build, refusal)));
  if (refusals.length > 0) return { findings, needs: null, canBothRun: false };
  const plan = { machine, build, paths: NOWHERE, incoming: null };
  const needs = needsOf(driver.commandLine(plan).args);
  const isSourceThere = source?.build.fileState === 'as-registered';
  if (!blocks(findings)) {
    findings.push(...(await asked({ ...question, source: isSourceThere ? source : null }, needs, signal)));
  }
  return { findings, needs, canBothRun: isSourceThere };
}

/** A binary that cannot be asked says nothing of the upgrade. */
async function asked(
  { machine, source, target, typesInUse }: BuildsQuestion,
  needs: CommandNeeds,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const comparison = target.driver.compare({
    spec: machine.spec,
    needs,
    source: source?.build ?? null,
    target: target.build,
    typesInUse,
  });
  const wait = { deadlineMs: COMPARE_DEADLINE_MS, what: 'the binaries to answer', signal };
  try {
    return await within(comparison, wait);
  } catch (error) {
    signal.throwIfAborted();
    const sentence = `the builds could not be compared: ${messageOf(error)}`;
    const remedy = 'look whether the files of both builds can be run on this host';
    return [{ code: 'comparison_not_possible', severity: 'warn', sentence, remedy }];
  }
}

function pairFindings(source: Build, target: Build): readonly Finding[] {
  if (source.kind !== target.kind) {
    const sentence = `the guest runs in ${source.kind}, whose state ${target.kind} does not read`;
    const remedy = 'restart the machine once on the new build; or choose a build of the same kind';
    return [{ code: 'build_kind_differs', severity: 'block', sentence, remedy }];
  }
  if (source.id !== target.id) return [];
  const sentence = `the machine runs ${target.id} already: the upgrade only gives it a new process`;
  return [{ code: 'same_build', severity: 'info', sentence, remedy: 'nothing to do' }];
}

function unsuitable({ id }: Build, refusal: string): Finding {
  const sentence = `for build ${id}: ${refusal}`;
  const remedy = 'change what is named while the machine is stopped; or choose another build';
  return { code: 'build_not_suitable', severity: 'block', sentence, remedy };
}
