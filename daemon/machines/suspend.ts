/**
 * Suspends a machine: its guest becomes a file and its VMM goes. Until the store says that there is a saved state
 * every failure ends with the file removed and the guest going on where it is, in this order, so that no state lies
 * about that is older than the guest. From then on the VMM never runs the guest again. A daemon that is started
 * again decides by the same rule; when the VMM has ended too, a complete file is the guest.
 */
import { BatonError, messageOf } from '../errors.js';
import { inTime } from '../instance/deadline.js';
import { putAway } from '../instance/put-away.js';
import { EventWatch } from '../instance/qmp-client.js';
import type { RunningInstance } from '../instance/running-instance.js';
import type { SavedState } from '../machine.js';
import { fenceTarget, returnToSource } from '../upgrade/fence.js';
import { withWords } from '../upgrade/loading.js';
import { blockedReasons, isSettled, queryMigrate, setCapabilities, setMode } from '../upgrade/migration.js';
import { saveState, stateDeadlineMs } from '../upgrade/saving.js';
import { type ActorHands, currentOf } from './lifecycle.js';
import { StateFile } from './state-file.js';

export async function suspendMachine(hands: ActorHands, signal: AbortSignal): Promise<void> {
  const { services, machine } = hands;
  const { host, stateRoom, journalObserver } = services;
  const file = new StateFile(services.stateDir, machine.id);
  await stateRoom.inTurn(signal, async () => {
    const source = currentOf(hands);
    const wait = {
      deadlineMs: services.deadlinesMs.suspend ?? stateDeadlineMs(machine),
      what: 'the guest to be saved',
      signal: AbortSignal.any([signal, source.gone]),
    };
    const saving = () => inTime(wait, (ending) => save(hands, source, file, ending));
    try {
      await stateRoom.withRoom(file, machine.spec, saving);
    } catch (error) {
      throw await goOn(hands, source, file, { error, signal });
    }
    services.consoles.release(machine.id);
    await putAway(source, host);
    journalObserver('suspend:ended');
  });
}

async function save(
  hands: ActorHands,
  source: RunningInstance,
  file: StateFile,
  signal: AbortSignal,
): Promise<void> {
  const { services, machine } = hands;
  const { consoles, journalObserver } = services;
  await requireReady(source, machine.state === 'running', signal);
  await file.makeFolder();
  await setCapabilities(source, { events: true, 'return-path': false }, { signal });
  await setMode(source, 'cpr-reboot', { signal });
  const blocked = await blockedReasons(source, { signal });
  if (blocked.length > 0) throw new Error(`the VMM cannot save it: ${blocked.join('; ')}`);
  journalObserver('suspend:ready');
  consoles.hold(machine.id, source.generation);
  const events = new EventWatch(source.qmp);
  try {
    const saving = { source, events, file: file.draft };
    await saveState(saving, async () => journalObserver('suspend:saving'), signal);
  } catch (error) {
    throw await withWords(error, { source, target: null });
  } finally {
    events.close();
  }
  journalObserver('suspend:saved');
  const bytes = await file.keep();
  journalObserver('suspend:kept');
  signal.throwIfAborted();
  record(hands, { bytes, savedAtMs: file.writtenAtMs });
  journalObserver('suspend:recorded');
}

/** The point of no return: the state is the guest. */
function record(
  { services: { store }, machine }: ActorHands,
  saved: Pick<SavedState, 'bytes' | 'savedAtMs'>,
) {
  const { id, state, currentGeneration } = machine;
  if (currentGeneration === null) throw new Error(`machine ${id} has a guest but no instance`);
  const savedState = {
    ...saved,
    generation: currentGeneration,
    wasRunning: state === 'running',
    loadedBy: null,
  };
  store.durably(() => store.machines.update(id, { savedState }));
}

async function requireReady(
  source: RunningInstance,
  wasRunning: boolean,
  signal: AbortSignal,
): Promise<void> {
  const { running, status } = await source.queryStatus({ signal });
  if (running !== wasRunning || status === 'postmigrate') {
    const message = `expected the guest to ${wasRunning ? 'run' : 'be paused'}, but its VMM is ${status}: resume it, then suspend it`;
    throw new BatonError('wrong_state', message);
  }
  const migration = await queryMigrate(source, { signal });
  if (!isSettled(migration)) {
    throw new BatonError('wrong_state', `the VMM is migrating already (${migration.status}): wait for it`);
  }
}

/** After a kill has broken in the guest does not go on. Returns what the operation ends with. */
async function goOn(
  hands: ActorHands,
  source: RunningInstance,
  file: StateFile,
  { error, signal }: { error: unknown; signal: AbortSignal },
): Promise<unknown> {
  const { services, machine } = hands;
  try {
    if (signal.aborted) await file.remove();
    else await bringBack(hands, source, file);
  } catch (failure) {
    const message = `${messageOf(error)}; then: ${messageOf(failure)}; look at the machine's state`;
    return new BatonError('suspend_failed', message, { cause: error });
  } finally {
    services.consoles.release(machine.id);
  }
  if (signal.aborted || error instanceof BatonError) return error;
  const what = source.hasEnded ? 'the VMM has ended' : 'the guest goes on';
  return new BatonError('suspend_failed', `${messageOf(error)}; ${what}`, { cause: error });
}

async function bringBack(
  { services, machine }: ActorHands,
  source: RunningInstance,
  file: StateFile,
): Promise<void> {
  const { store, host } = services;
  const wasRunning = machine.state === 'running';
  await file.remove();
  store.durably(() => store.machines.update(machine.id, { desiredPower: wasRunning ? 'running' : 'paused' }));
  if (source.hasEnded) return;
  await returnToSource({ source, upgrade: { wasRunning } }, await fenceTarget({ target: null, host }));
}

/** What an earlier daemon began. One that had written that there is a state is done: its VMM was put away before. */
export async function takeUpSuspend(hands: ActorHands): Promise<void> {
  const { services, machine, current } = hands;
  if (machine.savedState !== null) return;
  const file = new StateFile(services.stateDir, machine.id);
  const { bytes } = file;
  if (current !== null && !current.hasEnded) {
    if (!current.isAnswering) current.reconnectLater();
    await bringBack(hands, current, file);
  } else if (bytes !== null) {
    record(hands, { bytes, savedAtMs: file.writtenAtMs });
  } else {
    await file.remove();
  }
}
