/**
 * The lifecycle operations, each a short sequence on the machine's instance. They run inside the actor, one at a
 * time; whatever they throw becomes the operation's error, and afterwards the actor looks at what is really
 * there. A start that fails leaves no process.
 */
import type { Build } from '../build.js';
import { BatonError, messageOf } from '../errors.js';
import { carriableLine } from '../instance/adopted-line.js';
import { within } from '../instance/deadline.js';
import { outputTail, withLastWords } from '../instance/output-tail.js';
import type { RunningInstance } from '../instance/running-instance.js';
import type { Machine, MachineState } from '../machine.js';
import type { MachineChange } from '../store/machines.js';
import type { MachineInstances } from './instances.js';
import type { Services } from './services.js';

const START_DEADLINE_MS = 30_000;
const QUIT_DEADLINE_MS = 5_000;

/** What an operation may do with the actor that runs it. */
export interface ActorHands {
  readonly services: Services;
  readonly instances: MachineInstances;
  readonly machine: Machine;
  readonly current: RunningInstance | null;
  setCurrent(instance: RunningInstance | null): void;
  setState(state: MachineState, reason: string, change?: MachineChange): void;
}

export function currentOf({ current, machine }: ActorHands): RunningInstance {
  if (current === null || current.hasEnded) {
    throw new BatonError('vmm_failed', `machine ${machine.name} has no VMM process (any more)`);
  }
  return current;
}

/** A default that was replaced by an update of the host is the updated one from now on. */
async function buildFor({ services: { builds, store }, machine }: ActorHands): Promise<Build> {
  await builds.refreshDefault(machine);
  const build = builds.choose(store.machines.byId(machine.id)?.builds ?? machine.builds, null);
  await builds.requireAsRegistered(build);
  return build;
}

/** A cold start is the occasion to give an adopted machine memory that the next upgrade can hand over. */
function carriable({ services: { store }, machine }: ActorHands, build: Build): Machine {
  const { adopted, spec, id } = machine;
  if (adopted === null || !build.abilities.modes.includes('cpr-transfer')) return machine;
  const line = carriableLine(adopted, spec.memoryMiB);
  return store.durably(() => store.machines.update(id, { adopted: line }));
}

/** A guest can have run and ended before the VMM has answered: then it was started all the same. */
async function letGuestRun(instance: RunningInstance, signal: AbortSignal): Promise<void> {
  try {
    await instance.qmp.execute('cont', {}, { signal });
    await instance.queryStatus({ signal });
  } catch (error) {
    if (!instance.shutdownReason?.startsWith('guest-')) throw error;
    await within(instance.ended, { deadlineMs: QUIT_DEADLINE_MS, what: 'the VMM to end', signal });
  }
}

export async function startMachine(hands: ActorHands, signal: AbortSignal): Promise<void> {
  const { instances } = hands;
  const build = await buildFor(hands);
  signal.throwIfAborted();
  const machine = carriable(hands, build);
  hands.setState('starting', `starting on ${build.id}`);
  const generation = instances.nextGeneration();
  let instance: RunningInstance | null = null;
  try {
    await instances.fenceOthers(generation);
    instance = await instances.launch({ machine, generation, build, incoming: null });
    hands.setCurrent(instance);
    await instance.connect({ deadlineMs: START_DEADLINE_MS, signal });
    await letGuestRun(instance, signal);
  } catch (cause) {
    if (instance !== null) await instances.kill(instance);
    hands.setCurrent(null);
    hands.setState('stopped', 'the last start did not succeed');
    if (signal.aborted) throw signal.reason;
    const vmmOutput = instance === null ? [] : outputTail(instance.paths.vmmLog);
    const words = withLastWords(messageOf(cause), vmmOutput);
    throw new BatonError('vmm_start_failed', `the VMM did not start: ${words}`, {
      cause,
      details: { vmmOutput },
    });
  }
}

/**
 * The power button first, when the guest can hear it; then `quit`; then the end by force. The guest has
 * `powerdownMs` to power itself off.
 */
export async function stopMachine(
  hands: ActorHands,
  powerdownMs: number,
  signal: AbortSignal,
): Promise<void> {
  const instance = currentOf(hands);
  hands.setState('stopping', 'asked to stop');
  const ended = async (deadlineMs: number) => {
    const wait = { deadlineMs, what: 'the VMM to end', signal };
    await within(instance.ended, wait).catch(() => signal.throwIfAborted());
    return instance.hasEnded;
  };
  if (instance.isAnswering) {
    if (instance.runStatus?.running && powerdownMs > 0) {
      const pressed = await instance.qmp.execute('system_powerdown', {}, { signal }).then(
        () => true,
        () => false,
      );
      signal.throwIfAborted();
      if (pressed && (await ended(powerdownMs))) return;
    }
    /* Whether `quit` is answered does not matter: whether the process ends does. */
    if (instance.isAnswering) await instance.qmp.execute('quit', {}, { signal }).catch(() => undefined);
    if (await ended(QUIT_DEADLINE_MS)) return;
  }
  await hands.instances.kill(instance);
}

export async function killMachine(hands: ActorHands): Promise<void> {
  if (hands.current !== null) await hands.instances.kill(hands.current);
}

export async function pauseMachine(hands: ActorHands, signal: AbortSignal): Promise<void> {
  const instance = currentOf(hands);
  await instance.qmp.execute('stop', {}, { signal });
  const { running, status } = await instance.queryStatus({ signal });
  if (running) throw new BatonError('vmm_failed', `expected the VMM to be paused, but it is ${status}`);
}

export async function resumeMachine(hands: ActorHands, signal: AbortSignal): Promise<void> {
  const instance = currentOf(hands);
  await hands.instances.fenceOthers(instance.generation);
  await instance.qmp.execute('cont', {}, { signal });
  const { running, status } = await instance.queryStatus({ signal });
  if (!running) throw new BatonError('vmm_failed', `expected the guest to run, but the VMM is ${status}`);
}
