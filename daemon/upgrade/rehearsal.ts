/**
 * Rehearses an upgrade: two instances of a machine like the real one, of the source's and the target's
 * build, that never run a vCPU, taken through the steps of the mode up to the last look before the commit.
 * What the real ones would refuse (a line, a section, a version, the processor's state) is refused here,
 * with the guest untouched. What depends on the state of a guest that has run is not seen. Nothing is left
 * of the two; what a daemon that died left of its rehearsals is cleared away by the next one.
 */
import { mkdtemp } from 'node:fs/promises';
import type { Build } from '../build.js';
import { messageOf } from '../errors.js';
import type { Incoming, VmmDriver } from '../instance/driver.js';
import type { HostProcesses } from '../instance/host.js';
import { launch, makeSuccessorFolders } from '../instance/launch.js';
import { outputTail, withLastWords } from '../instance/output-tail.js';
import { RunningInstance } from '../instance/running-instance.js';
import { removeVmmFolder } from '../instance/vmm-folder.js';
import { makePassage } from '../instance/vmm-user.js';
import { type Instance, instancePaths } from '../instance.js';
import { keeperMark } from '../keeper/files.js';
import type { Machine } from '../machine.js';
import type { Finding } from '../preflight/finding.js';
import type { Upgrade } from '../upgrade.js';
import { releaseMemory } from './memory-keeper.js';
import { STEPS } from './modes.js';
import { explain } from './reason.js';
import { deadlineOf, sourceOf, type UpgradeContext } from './step.js';

export interface Side {
  readonly build: Build;
  readonly driver: VmmDriver;
}

export interface Rehearsal {
  /** A machine that can be started beside the real one. */
  readonly machine: Pick<Machine, 'id' | 'name' | 'spec'>;
  readonly source: Side;
  readonly target: Side;
  readonly mode: Upgrade['mode'];
  readonly host: HostProcesses;
  readonly runtimeDir: string;
  /** Ends it, with nothing left. */
  readonly signal: AbortSignal;
}

/** Below the runtime folder, beside those of machines and no longer than they: socket paths are short. */
const FOLDER = 'trial';
const START_DEADLINE_MS = 20_000;
const KILL_DEADLINE_MS = 10_000;
/** The real source is looked at by its own preflight; from the commit on nothing is rehearsed. */
const FIRST_STEP = 'prepare-source';
/** A save reads all of the memory, which takes it from the host: an empty machine needs no more than its kernel does. */
const SAVED_MEMORY_MIB = 512;
/** Nobody owns the two: whatever happens to one shows in the step that needs it. */
const NOBODY = {
  instanceChanged: () => undefined,
  instanceEnded: () => undefined,
  guestTold: () => undefined,
};

/** No finding: it went through. Rejects when it could not be rehearsed, which says nothing of the upgrade. */
export async function rehearse(rehearsal: Rehearsal): Promise<readonly Finding[]> {
  const { mode, source, target } = rehearsal;
  const steps = STEPS.get(mode) ?? [];
  const from = steps.findIndex(({ name }) => name === FIRST_STEP);
  const to = steps.findIndex(({ commits }) => commits);
  const parent = `${rehearsal.runtimeDir}/${FOLDER}`;
  makePassage(parent);
  const stage = new Stage({ ...rehearsal, machine: machineFor(rehearsal) }, await mkdtemp(`${parent}/`));
  try {
    const context = await stage.makeContext();
    for (const step of steps.slice(from, to)) {
      try {
        await step.run(context, stage.signalFor(context, deadlineOf(step, context)));
      } catch (error) {
        rehearsal.signal.throwIfAborted();
        const { code: why, message, remedy, vmmOutput } = await explain(error, step.name, context);
        const words = withLastWords(message, vmmOutput);
        const sentence = `rehearsed from ${source.build.id} to ${target.build.id}, ${step.name} failed: ${words}`;
        const code =
          why === 'transfer_failed' || why === 'target_rejected'
            ? 'rehearsal_state_refused'
            : 'rehearsal_failed';
        return [{ code, severity: 'block', sentence, remedy }];
      }
    }
    return [];
  } finally {
    await stage.clear();
  }
}

function machineFor({ machine, mode }: Rehearsal): Rehearsal['machine'] {
  if (mode !== 'cpr-reboot') return machine;
  const memoryMiB = Math.min(machine.spec.memoryMiB, SAVED_MEMORY_MIB);
  return { ...machine, spec: { ...machine.spec, memoryMiB } };
}

/** For a daemon that starts: no rehearsal is under way. */
export async function clearRehearsals(runtimeDir: string, host: HostProcesses): Promise<void> {
  const parent = `${runtimeDir}/${FOLDER}`;
  for (const mark of [`unix:${parent}/`, keeperMark(parent)]) {
    for (const process of host.findByArgument(mark)) await host.kill(process, KILL_DEADLINE_MS);
  }
  await removeVmmFolder(parent);
}

class Stage {
  readonly #rehearsal: Rehearsal;
  readonly #folder: string;
  readonly #instances: RunningInstance[] = [];

  constructor(rehearsal: Rehearsal, folder: string) {
    this.#rehearsal = rehearsal;
    this.#folder = folder;
  }

  async makeContext(): Promise<UpgradeContext> {
    const { source: from, target: to, host } = this.#rehearsal;
    const source = await this.#start(from, null);
    try {
      await source.connect({ deadlineMs: START_DEADLINE_MS, signal: this.#rehearsal.signal });
    } catch (cause) {
      const words = withLastWords(messageOf(cause), outputTail(source.paths.vmmLog));
      throw new Error(`the source's build did not start for a rehearsal: ${words}`, { cause });
    }
    const context: UpgradeContext = {
      upgrade: this.#upgrade(),
      machine: this.#rehearsal.machine,
      recovering: false,
      sourceBuild: from.build,
      targetBuild: to.build,
      source,
      target: null,
      host,
      guest: null,
      sourceEvents: null,
      targetEvents: null,
      loadedStatus: null,
      sourceHardware: null,
      folder: this.#keeperFolder,
      examine: () => Promise.reject(new Error('a rehearsal has no preflight')),
      launchTarget: async (incoming) => {
        context.target = await this.#start(to, incoming);
        return context.target;
      },
      announceTarget: () => {
        const folders = this.#foldersOf(this.#nextGeneration);
        makeSuccessorFolders(folders, sourceOf(context).paths);
        return this.#line(to, folders, 'state');
      },
      becomeTarget: () => {
        const generation = this.#nextGeneration;
        const paths = instancePaths(this.#foldersOf(generation));
        context.target = sourceOf(context).replacedBy(generation, paths);
        this.#instances.push(context.target);
        context.source = null;
      },
      launchRescue: () => Promise.reject(new Error('a rehearsal is not gone back from')),
      becomeSource: () => undefined,
      discardTarget: () => undefined,
      holdInput: () => undefined,
      guestPaused: () => undefined,
      stopAtUs: { value: null },
      resumeAtUs: { value: null },
    };
    return context;
  }

  signalFor({ source, target }: UpgradeContext, deadlineMs: number): AbortSignal {
    const ends = [source, target].flatMap((instance) => (instance === null ? [] : [instance.gone]));
    return AbortSignal.any([this.#rehearsal.signal, AbortSignal.timeout(deadlineMs), ...ends]);
  }

  async clear(): Promise<void> {
    const { host } = this.#rehearsal;
    try {
      for (const { process } of this.#instances) await host.kill(process, KILL_DEADLINE_MS);
      for (const { ended } of this.#instances) await ended;
    } finally {
      await releaseMemory(this.#keeperFolder, host);
      await removeVmmFolder(this.#folder);
    }
  }

  get #nextGeneration(): number {
    return this.#instances.length + 1;
  }

  get #keeperFolder(): string {
    return `${this.#folder}/u`;
  }

  #foldersOf(generation: number): Pick<Instance, 'socketsDir' | 'logsDir'> {
    const socketsDir = `${this.#folder}/${generation}`;
    return { socketsDir, logsDir: `${socketsDir}-logs` };
  }

  #line(
    { build, driver }: Side,
    folders: Pick<Instance, 'socketsDir' | 'logsDir'>,
    incoming: Incoming | null,
  ) {
    const { machine } = this.#rehearsal;
    return driver.commandLine({ machine, build, paths: instancePaths(folders), incoming });
  }

  async #start(side: Side, incoming: Incoming | null): Promise<RunningInstance> {
    const { host } = this.#rehearsal;
    const generation = this.#nextGeneration;
    const folders = this.#foldersOf(generation);
    const paths = instancePaths(folders);
    const { process, end } = await launch(folders, this.#line(side, folders, incoming), host);
    const instance = new RunningInstance({ generation, paths, process, end, host, owner: NOBODY });
    this.#instances.push(instance);
    return instance;
  }

  /** One of a machine that is paused: nothing in it ever runs. */
  #upgrade(): Upgrade {
    const { machine, source, target, mode } = this.#rehearsal;
    return {
      id: 'rehearsal',
      machineId: machine.id,
      mode,
      modeReason: 'rehearsed',
      state: 'pending',
      sourceGeneration: 1,
      targetGeneration: 2,
      sourceBuild: source.build.id,
      targetBuild: target.build.id,
      wasRunning: false,
      committed: false,
      cancelRequested: false,
      reason: null,
      restoredGeneration: null,
      findings: [],
      guest: { notify: false, freeze: false, reason: null, acts: [] },
      pauseUs: null,
      createdAtMs: 0,
      finishedAtMs: null,
      steps: [],
    };
  }
}
