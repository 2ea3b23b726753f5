/**
 * Restores a suspended machine: a VMM is started, loads the saved state, is looked at, and lets the guest run. Until
 * the store says into which instance it was loaded nothing has happened: the VMM is ended, and the machine is
 * suspended as before. From then on the state is never loaded again, unless the guest has certainly not run. The
 * file goes when the guest is where it should be, and not before.
 */
import type { Build } from '../build.js';
import { BatonError, messageOf } from '../errors.js';
import { inTime } from '../instance/deadline.js';
import { outputTail, withLastWords } from '../instance/output-tail.js';
import { EventWatch } from '../instance/qmp-client.js';
import type { RunningInstance } from '../instance/running-instance.js';
import type { Machine, SavedState } from '../machine.js';
import { letRun } from '../upgrade/let-run.js';
import { withWords } from '../upgrade/loading.js';
import { loadState, stateDeadlineMs } from '../upgrade/saving.js';
import { UpgradeError } from '../upgrade.js';
import type { ActorHands } from './lifecycle.js';
import type { Services } from './services.js';
import { StateFile } from './state-file.js';

const START_DEADLINE_MS = 30_000;
const RUN_DEADLINE_MS = 10_000;
/** What a VMM that was started with `-S` is when it has loaded. */
const LOADED_AND_STOPPED = new Set(['paused', 'prelaunch']);

function savedStateOf({ name, savedState }: Machine): SavedState {
  if (savedState === null) throw new BatonError('wrong_state', `machine ${name} has no saved state`);
  return savedState;
}

/** The build that was named, or the one that saved it; refused when it could not load it. */
export function restoringBuild({ builds, store }: Services, machine: Machine, named: string | null): Build {
  const { generation } = savedStateOf(machine);
  const own = store.instances.byGeneration(machine.id, generation)?.buildId ?? null;
  const build = builds.choose(machine.builds, named ?? own);
  const { refusals } = builds.driver(build.kind).resolve(machine.spec, build.abilities);
  const all = build.abilities.modes.includes('cpr-reboot')
    ? refusals
    : [...refusals, 'it cannot load a guest'];
  if (all.length > 0) throw new BatonError('build_not_suitable', `for build ${build.id}: ${all.join('; ')}`);
  return build;
}

/** What saved it may have been replaced since, as an update of the host does: then it is what a start takes now. */
async function usableBuild(services: Services, machine: Machine, named: string | null): Promise<Build> {
  const { builds, store } = services;
  const build = restoringBuild(services, machine, named);
  if (named === null && (await builds.verify(build)).fileState === 'replaced') {
    await builds.refreshDefault(machine);
    const updated = store.machines.byId(machine.id) ?? machine;
    return restoringBuild(services, updated, builds.startsOn(updated.builds));
  }
  return build;
}

export async function restoreMachine(
  hands: ActorHands,
  named: string | null,
  signal: AbortSignal,
): Promise<void> {
  const { services, machine } = hands;
  const saved = savedStateOf(machine);
  const file = new StateFile(services.stateDir, machine.id);
  let target = null as RunningInstance | null;
  let build = restoringBuild(services, machine, named);
  try {
    await services.stateRoom.inTurn(signal, async () => {
      build = await usableBuild(services, machine, named);
      await services.builds.requireAsRegistered(build);
      requireWhole(file, saved);
      const started = await start(hands, build);
      target = started;
      const wait = {
        deadlineMs: services.deadlinesMs.restore ?? stateDeadlineMs(machine),
        what: 'the saved state to be loaded',
        signal: AbortSignal.any([signal, started.gone]),
      };
      await inTime(wait, (ending) => load(services, started, file, ending));
    });
    if (target !== null) await run(hands, target, signal);
  } catch (error) {
    if (isInDoubt(error)) {
      await finish(hands, file, { state: 'unresponsive', reason: messageOf(error) });
      throw error;
    }
    throw await staySuspended(hands, target, { error, signal });
  }
  await finish(hands, file, stateAfter(saved));
  const { buildId = null } = services.store.instances.byGeneration(machine.id, saved.generation) ?? {};
  if (build.id !== buildId) services.builds.follow(machine, build.id);
}

function requireWhole(file: StateFile, { bytes }: SavedState): void {
  const found = file.bytes;
  if (found === bytes) return;
  const what = found === null ? 'it is not there' : `it has ${found}`;
  const message = `expected the saved state at ${file.path} with ${bytes} bytes, but ${what}: bring it back, or discard it`;
  throw new BatonError('saved_state_broken', message);
}

async function start({ instances, machine }: ActorHands, build: Build): Promise<RunningInstance> {
  const generation = instances.nextGeneration();
  await instances.fenceOthers(generation);
  return instances.launch({ machine, generation, build, incoming: 'state' });
}

async function load(
  { journalObserver }: Services,
  target: RunningInstance,
  { path }: StateFile,
  signal: AbortSignal,
): Promise<void> {
  await target.connect({ deadlineMs: START_DEADLINE_MS, signal });
  const events = new EventWatch(target.qmp);
  try {
    await loadState({ target, events, file: path }, signal);
  } catch (error) {
    throw await withWords(error, { source: null, target });
  } finally {
    events.close();
  }
  const { running, status } = await target.queryStatus({ signal });
  if (running || !LOADED_AND_STOPPED.has(status)) {
    throw new Error(`expected the VMM to have loaded the state and be stopped, but it is ${status}`);
  }
  signal.throwIfAborted();
  journalObserver('restore:loaded');
}

/** Written down first, then done. */
async function run(hands: ActorHands, target: RunningInstance, signal: AbortSignal): Promise<void> {
  const { services, machine } = hands;
  const { store, host, journalObserver } = services;
  const saved = savedStateOf(machine);
  const { generation } = target;
  signal.throwIfAborted();
  store.durably(() => {
    const savedState = { ...saved, loadedBy: generation };
    store.machines.update(machine.id, { currentGeneration: generation, savedState });
  });
  hands.setCurrent(target);
  journalObserver('restore:recorded');
  if (!saved.wasRunning) return;
  await letRun({ target, host, recovering: false }, AbortSignal.timeout(RUN_DEADLINE_MS));
  await target.queryStatus().catch(() => undefined);
  journalObserver('restore:running');
}

function isInDoubt(error: unknown): boolean {
  return error instanceof UpgradeError && error.code === 'commit_unconfirmed';
}

/** The guest has not run: what was written is taken back, after the VMM has ended. */
async function staySuspended(
  hands: ActorHands,
  target: RunningInstance | null,
  { error, signal }: { error: unknown; signal: AbortSignal },
): Promise<unknown> {
  const { services, machine, instances } = hands;
  const { store } = services;
  if (target !== null) await instances.kill(target);
  const saved = savedStateOf(machine);
  store.durably(() => {
    const savedState = { ...saved, loadedBy: null };
    const { generation: currentGeneration } = saved;
    store.machines.update(machine.id, { desiredPower: 'suspended', currentGeneration, savedState });
  });
  hands.setCurrent(null);
  if (signal.aborted || error instanceof BatonError) return error;
  const vmmOutput = target === null ? [] : outputTail(target.paths.vmmLog);
  const words = withLastWords(messageOf(error), vmmOutput);
  const message = `the machine is suspended as before: ${words}`;
  return new BatonError('restore_failed', message, { cause: error, details: { vmmOutput } });
}

type Ending = Pick<Machine, 'state'> & { readonly reason: string };

function stateAfter({ wasRunning }: SavedState): Ending {
  return { state: wasRunning ? 'running' : 'paused', reason: 'restored' };
}

/** The saved state is the past. */
async function finish({ services, setState }: ActorHands, file: StateFile, ending: Ending): Promise<void> {
  setState(ending.state, ending.reason, { savedState: null });
  services.journalObserver('restore:forgotten');
  await file.remove();
}

/** Throws the guest away. */
export async function discardState({ services, machine, setState }: ActorHands): Promise<void> {
  setState('stopped', 'its saved state was discarded', { savedState: null });
  await new StateFile(services.stateDir, machine.id).remove();
}

/** What an earlier daemon began. Nothing is left of an instance into which the state was only being loaded. */
export async function takeUpRestore(hands: ActorHands): Promise<void> {
  const { services, machine, current } = hands;
  const { savedState } = machine;
  if (savedState === null || savedState.loadedBy === null) return;
  const file = new StateFile(services.stateDir, machine.id);
  if (current === null || current.hasEnded) {
    const reason = 'the VMM ended as the guest was restored in it';
    return finish(hands, file, { state: 'crashed', reason });
  }
  try {
    const target = { target: current, host: services.host, recovering: true };
    if (savedState.wasRunning) await letRun(target, AbortSignal.timeout(RUN_DEADLINE_MS));
  } catch (error) {
    if (isInDoubt(error)) await finish(hands, file, { state: 'unresponsive', reason: messageOf(error) });
    else await staySuspended(hands, current, { error, signal: AbortSignal.abort() });
    return;
  }
  await finish(hands, file, stateAfter(savedState));
}
