/**
 * Builds a VMM from its options, in QEMU's order:
 *
 *     boot       memory ► monitors listen ► machine ► runs, or waits for `cont` (-S)
 *     incoming   cpr socket listens ► a source sends the memory's descriptor ► memory ► monitors listen
 *                ► machine ► main socket listens (or waits for `migrate-incoming`) ► hang-up ► load
 *
 * A monitor greets early and answers when the machine is there. Whatever fails on the way rejects; what
 * was opened is undone by the process's end.
 */
import type { CreateSettings } from './machine/create.js';
import type { MachineEvents, MachineHandle } from './machine/handle.js';
import type { GuestMemory } from './memory/guest-memory.js';
import type { CprDescriptor, ReceivedCpr } from './migration/cpr-channel.js';
import { IncomingMigration } from './migration/incoming.js';
import { Migration } from './migration/migration.js';
import { MigrationProgress } from './migration/progress.js';
import { MigrationSettings } from './migration/settings.js';
import { MACHINE_TYPE } from './migration/stream-format.js';
import { openMonitors } from './monitors.js';
import { OptionError } from './options/error.js';
import type { VmmOptions } from './options/options.js';
import type { ProcessLife } from './process-life.js';
import type { MonitorContext } from './qmp/command.js';
import { COMMANDS } from './qmp/commands/index.js';
import { EventHub } from './qmp/events.js';
import { WallClock } from './qmp/wall-clock.js';
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

export async function startVmm(options: VmmOptions, parts: VmmParts, life: ProcessLife): Promise<void> {
  const events = new EventHub(new WallClock());
  const cpr = options.incoming === null ? null : await awaitSource(options.incoming, life);
  const received = cpr === null ? null : ramDescriptor(cpr.descriptors, options);
  const memory = parts.createGuestMemory(options, received);
  const { startStopped, noReboot, noShutdown } = options;
  const vm = new VmControl({
    events,
    policy: { startStopped, noReboot, noShutdown, incoming: cpr !== null },
    ended: (exitCode) => life.end(exitCode),
    report: (message) => life.report(message),
  });
  life.onSignal(() => vm.quit('host-signal'));
  const migration = buildMigration(options, memory, vm, cpr, events, life);
  life.atEnd(() => migration.close());
  const { context, provide } = deferredContext();
  await openMonitors(options, { commands: COMMANDS, events, context }, (undo) => life.atEnd(undo));
  const machine = await parts.createMachine(options, memory, { incoming: cpr !== null }, vm.machineEvents);
  life.atEnd(() => machine.close());
  await vm.attach(machine);
  provide({ vm, migration, options, memory });
  await migration.listenAtStart();
}

/** The target waits here, with nothing built yet, until a source connects. */
async function awaitSource(
  { main, cpr }: NonNullable<VmmOptions['incoming']>,
  life: ProcessLife,
): Promise<ReceivedCpr> {
  if (cpr === null) {
    const hint =
      main?.kind === 'unix' ? 'the main channel alone carries no memory yet' : 'defer alone has no memory';
    throw new OptionError('-incoming', `a cpr channel is needed as well: ${hint}`);
  }
  const { receiveCprState } = await import('./migration/cpr-channel.js');
  const { UnixListener } = await import('./unix-listener.js');
  const listener = new UnixListener(cpr.path, 1);
  life.atEnd(() => listener.close());
  return receiveCprState(listener);
}

function ramDescriptor(descriptors: readonly CprDescriptor[], { machine }: VmmOptions): number {
  const found = descriptors.find(({ name, id }) => name === machine.memoryBackend && id === 0);
  if (found !== undefined && descriptors.length === 1) return found.fd;
  const names = descriptors.map(({ name }) => `'${name}'`).join(', ');
  throw new Error(
    `the source handed over ${names || 'no descriptor'}, this machine wants its RAM '${machine.memoryBackend}' only`,
  );
}

function buildMigration(
  options: VmmOptions,
  memory: GuestMemory,
  vm: VmControl,
  cpr: ReceivedCpr | null,
  events: EventHub,
  life: ProcessLife,
): Migration {
  const settings = new MigrationSettings(options.migrationDefaults);
  const progress = new MigrationProgress(events, () => settings.has('events'));
  const report = (message: string) => life.report(message);
  const ram = { name: memory.backendId, sizeBytes: memory.sizeBytes };
  const subject = { machineType: MACHINE_TYPE, ram };
  const fatal = (message: string) => {
    life.fail(message);
  };
  const incoming = cpr && new IncomingMigration({ vm, progress, events, subject, fatal, report }, cpr);
  const main = options.incoming?.main;
  return new Migration({
    vm,
    memory,
    auxRamShare: options.machine.auxRamShare,
    settings,
    progress,
    events,
    incoming,
    listenAt: main?.kind === 'unix' ? main.path : null,
    report,
  });
}

/** Commands wait for the machine; a machine that never comes ends the process. */
function deferredContext(): { context: Promise<MonitorContext>; provide: (context: MonitorContext) => void } {
  let provide: (context: MonitorContext) => void = () => {};
  const context = new Promise<MonitorContext>((resolve) => {
    provide = resolve;
  });
  return { context, provide };
}
