/**
 * Builds a VMM from its options, in QEMU's order:
 *
 *     boot       memory ► monitors listen ► machine ► runs, or waits for `cont` (-S)
 *     incoming   cpr socket listens ► a source sends the memory's descriptor ► memory ► monitors listen
 *                ► machine ► main socket listens (or waits for `migrate-incoming`) ► hang-up ► load
 *
 * After cpr-exec the descriptor is there already; without a cpr channel memory is fresh, or the user's file.
 *
 * A monitor greets early and answers when the machine is there. Whatever fails on the way rejects; what
 * was opened is undone by the process's end.
 */
import { type CarriedDescriptor, CarriedDescriptors } from './carried.js';
import { Configuration } from './configuration.js';
import { HotPlug } from './hot-plug.js';
import type { CreateSettings } from './machine/create.js';
import type { MachineEvents, MachineHandle } from './machine/handle.js';
import { DEFAULT_RAM_ID, type GuestMemory, ramOf } from './memory/guest-memory.js';
import type { ReceivedCpr } from './migration/cpr-channel.js';
import { IncomingMigration, type Source, UNKNOWN_SOURCE } from './migration/incoming.js';
import { Migration } from './migration/migration.js';
import { staysInItsFile, subjectOf } from './migration/outgoing.js';
import { MigrationProgress } from './migration/progress.js';
import { MigrationSettings } from './migration/settings.js';
import { openMonitors } from './monitors.js';
import type { IncomingOptions, VmmOptions } from './options/options.js';
import type { ProcessLife } from './process-life.js';
import type { SharedContext } from './qmp/command.js';
import { COMMANDS } from './qmp/commands/index.js';
import { EventHub } from './qmp/events.js';
import { WallClock } from './qmp/wall-clock.js';
import { trace } from './trace.js';
import { VmControl } from './vm-control.js';

/** What a VM is made of; tests bring their own. */
export interface VmmParts {
  createGuestMemory(options: VmmOptions, receivedFd: number | null): GuestMemory;
  createMachine(
    options: VmmOptions,
    memory: GuestMemory,
    settings: CreateSettings,
    events: MachineEvents,
  ): Promise<MachineHandle>;
}

/** Where the VM comes from when it is not booted. */
interface Arrival {
  readonly main: IncomingOptions['main'];
  readonly source: Source;
  /** `null`: memory does not come by descriptors. */
  readonly descriptors: readonly CarriedDescriptor[] | null;
  /** Tells the source what machine waits for its guest. */
  introduce(options: VmmOptions, vm: VmControl, mayChange: boolean): Promise<void>;
}

/** `inherited`: what the program before this one in the process left, after cpr-exec. */
export async function startVmm(
  given: VmmOptions,
  parts: VmmParts,
  life: ProcessLife,
  inherited: readonly CarriedDescriptor[] | null,
): Promise<void> {
  const options = inherited === null ? given : withOutputKept(given);
  const configuration = new Configuration(options);
  const events = new EventHub(new WallClock());
  const arrival = await awaitArrival(options.incoming, inherited, life);
  const incoming = arrival !== null;
  const received = new CarriedDescriptors(arrival?.descriptors ?? []);
  const ram = arrival?.descriptors ? takeRam(received, options) : null;
  const memory = parts.createGuestMemory(options, ram);
  trace('memory');
  const { startStopped, noReboot, noShutdown } = options;
  const vm = new VmControl({
    events,
    policy: { startStopped, noReboot, noShutdown, incoming },
    netdevs: () => configuration.options.netdevs,
    ended: (exitCode) => life.end(exitCode),
    report: (message) => life.report(message),
  });
  life.onSignal(() => vm.quit('host-signal'));
  const migration = buildMigration(options, memory, vm, arrival, events, life);
  life.atEnd(() => migration.close());
  const { context, provide } = deferredContext();
  await openMonitors(options, { commands: COMMANDS, events, context }, (undo) => life.atEnd(undo));
  const settings = { incoming, received: received.left };
  trace('monitors');
  const machine = await parts.createMachine(options, memory, settings, vm.machineEvents);
  life.atEnd(() => machine.close());
  trace('machine');
  await vm.attach(machine);
  await arrival?.introduce(options, vm, arrival.main?.kind === 'defer');
  if (migration.loadsAtStart) await migration.listenAtStart();
  const hotPlug = new HotPlug({ configuration, vm, events, isMigrating: () => migration.isUnderWay });
  provide({
    ...{ vm, migration, hotPlug, memory },
    get options() {
      return configuration.options;
    },
  });
  if (!migration.loadsAtStart) await migration.listenAtStart();
}

/** The same process goes on writing: its command line must not wipe what it wrote before. */
function withOutputKept(options: VmmOptions): VmmOptions {
  const chardevs = options.chardevs.map((chardev) => {
    const kept = { ...chardev, logAppend: true };
    return kept.backend === 'file' ? { ...kept, append: true } : kept;
  });
  return { ...options, chardevs };
}

async function awaitArrival(
  incoming: IncomingOptions | null,
  inherited: readonly CarriedDescriptor[] | null,
  life: ProcessLife,
): Promise<Arrival | null> {
  if (inherited !== null) return arrivalByExec(incoming, inherited, life);
  if (incoming === null) return null;
  const main = incoming.main ?? { kind: 'defer' };
  if (incoming.cpr === null) return { main, source: UNKNOWN_SOURCE, descriptors: null, introduce: silently };
  const received = await awaitSource(incoming.cpr.path, life);
  const source = { hasRam: true, pid: received.sourcePid, hangUp: () => received.hangUp() };
  const introduce = async (options: VmmOptions, vm: VmControl, mayChange: boolean) => {
    const { encodeFacts, factsOf } = await import('./migration/handshake.js');
    await received.say(encodeFacts({ ...factsOf(options, await vm.rehearse()), mayChange }));
  };
  return { main, source, descriptors: received.descriptors, introduce };
}

/** There is nobody to hear it. */
async function silently(): Promise<void> {}

/** A command line without `-incoming` would boot another guest: the one that is there is waited for instead. */
function arrivalByExec(
  incoming: IncomingOptions | null,
  descriptors: readonly CarriedDescriptor[],
  life: ProcessLife,
): Arrival {
  if (incoming === null)
    life.report('the VM comes by cpr-exec and -incoming is missing: -incoming defer is assumed');
  if (incoming?.cpr) life.report('ignoring cpr channel for migration mode cpr-exec');
  const source = { ...UNKNOWN_SOURCE, hasRam: true };
  return { main: incoming?.main ?? { kind: 'defer' }, source, descriptors, introduce: silently };
}

/** The target waits here, with nothing built yet, until a source connects. */
async function awaitSource(path: string, life: ProcessLife): Promise<ReceivedCpr> {
  const { receiveCprState } = await import('./migration/cpr-channel.js');
  const { UnixListener } = await import('./unix-listener.js');
  const listener = new UnixListener(path, 1);
  life.atEnd(() => listener.close());
  return receiveCprState(listener);
}

function takeRam(received: CarriedDescriptors, { machine }: VmmOptions): number {
  const wanted = machine.memoryBackend ?? DEFAULT_RAM_ID;
  const ram = received.take(wanted);
  if (ram !== null) return ram;
  const names = received.left.map(({ name }) => `'${name}'`).join(', ');
  throw new Error(
    `the source handed over ${names || 'no descriptor'}, this machine wants its RAM '${wanted}'`,
  );
}

function buildMigration(
  options: VmmOptions,
  memory: GuestMemory,
  vm: VmControl,
  arrival: Arrival | null,
  events: EventHub,
  life: ProcessLife,
): Migration {
  const settings = new MigrationSettings(options.migrationDefaults);
  const progress = new MigrationProgress(events, () => settings.has('events'));
  const report = (message: string) => life.report(message);
  const ram = () => ramOf(memory);
  const subject = () => subjectOf({ memory, settings });
  const contents = () => (staysInItsFile({ memory, settings }) ? null : ram());
  const fatal = (message: string) => {
    life.fail(message);
  };
  const context = { vm, progress, events, subject, contents, fatal, report };
  const incoming = arrival && new IncomingMigration(context, arrival.source);
  const { auxRamShare } = options.machine;
  const facts = async () => {
    const { factsOf } = await import('./migration/handshake.js');
    return factsOf(options, await vm.rehearse());
  };
  return new Migration({
    ...{ facts, vm, memory, ram, auxRamShare, settings, progress, events, incoming, report },
    introduce: async () => arrival?.introduce(options, vm, false),
    listenAt: arrival === null || arrival.main?.kind === 'defer' ? null : arrival.main,
  });
}

/** Commands wait for the machine; a machine that never comes ends the process. */
function deferredContext(): { context: Promise<SharedContext>; provide: (context: SharedContext) => void } {
  let provide: (context: SharedContext) => void = () => {};
  const context = new Promise<SharedContext>((resolve) => {
    provide = resolve;
  });
  return { context, provide };
}
