/**
 * What a machine is and what may be asked of it when. Pure: no process, no store, no HTTP. The policy is one
 * function over (action, state, operation under way) and is tested by itself.
 *
 *     stopped ─start→ starting ─→ running ⇄ paused        (pause, resume)
 *        ↑               │           │ │
 *        └─── stopping ←─┴── stop ───┘ └─→ crashed         (the VMM died by itself)
 *                                      └─→ unresponsive    (the process lives, its monitor does not answer)
 *
 *     running, paused ─suspend→ suspended ─restore→ running, paused
 *                                   └─discard→ stopped
 *
 * An upgrade does not change the state: the machine runs (or is paused) all along.
 */
import type { ErrorCode } from './errors.js';
import type { Hardware } from './hardware.js';
import type { OperationKind } from './operation.js';

export const MACHINE_STATES = [
  /** No process runs it. */
  'stopped',
  /** A VMM is being started; the guest has not run yet. */
  'starting',
  'running',
  'paused',
  /** Asked to power off; the VMM is still there. */
  'stopping',
  /** The guest is a file; no process runs it. It goes on where it was when it is restored. */
  'suspended',
  /** The VMM ended without being asked to and without a guest power off. */
  'crashed',
  /** The VMM process exists but its monitor does not answer. */
  'unresponsive',
] as const;
export type MachineState = (typeof MACHINE_STATES)[number];

export const DESIRED_POWERS = ['stopped', 'running', 'paused', 'suspended'] as const;
export type DesiredPower = (typeof DESIRED_POWERS)[number];

/** What the file of a suspended machine holds. */
export interface SavedState {
  /** The instance that it was saved by; its build can load it. */
  readonly generation: number;
  readonly bytes: number;
  /** Whether the guest runs when it is restored. */
  readonly wasRunning: boolean;
  readonly savedAtMs: number;
  /**
   * The instance that it was loaded into and that may have run since: written before it is let run. Such a state is
   * never loaded again, as the guest's disks may be newer.
   */
  readonly loadedBy: number | null;
}

/** Whether the guest is in the file, and nowhere else. */
export function isSaved(savedState: SavedState | null): boolean {
  return savedState !== null && savedState.loadedBy === null;
}

/** The guest was told to freeze its filesystems, and not seen to thaw them since. */
export interface GuestFreeze {
  readonly sinceMs: number;
  /** When the daemon thaws them, if nobody has before. */
  readonly thawAtMs: number;
  /** Id of the upgrade that they are frozen for; null: somebody asked for it. */
  readonly upgradeId: string | null;
}

/** As the host goes down and comes up: see machines/host-power.ts. */
export const ON_HOST_SHUTDOWN = ['stop', 'suspend'] as const;
export const ON_HOST_BOOT = ['restore', 'start', 'leave'] as const;

export interface HostPolicy {
  readonly onHostShutdown: (typeof ON_HOST_SHUTDOWN)[number];
  readonly onHostBoot: (typeof ON_HOST_BOOT)[number];
}

/** Of documents that were written before there was one, too. */
export const DEFAULT_HOST_POLICY: HostPolicy = { onHostShutdown: 'stop', onHostBoot: 'restore' };

/** The document that an operator writes. One specification serves every kind of VMM. */
export interface MachineSpec extends Hardware, HostPolicy {
  readonly memoryMiB: number;
  readonly vcpus: number;
  /** Null: the firmware boots the first disk, or what it holds itself. */
  readonly kernel: string | null;
  readonly initrd: string | null;
  readonly commandLine: string | null;
  /** Path of a firmware image; null: the VMM's own. */
  readonly firmware: string | null;
}

/** `bootsDisks`: whether the board's own firmware looks for a disk. Sentences that name the member of the document. */
export function refusedBoot(spec: MachineSpec, bootsDisks: boolean): string[] {
  if (spec.kernel !== null) return [];
  const refusals = (['initrd', 'commandLine'] as const).flatMap((name) =>
    spec[name] === null ? [] : [`${name} goes with a kernel, and there is none`],
  );
  if (spec.firmware !== null || (bootsDisks && spec.disks.length > 0)) return refusals;
  const others = bootsDisks
    ? 'neither a disk nor a firmware'
    : 'no firmware, and that of the board boots no disk';
  return [...refusals, `kernel must be given when there is ${others}`];
}

/** What a machine may run on, by ids of builds. Changes with its upgrades, unlike its document. */
export interface MachineBuilds {
  /** Used when none is named; follows each upgrade. Null: this installation's own, whichever that is. */
  readonly default: string | null;
  /** This one and no other. */
  readonly pin: string | null;
  readonly deny: readonly string[];
}

export const ANY_BUILD: MachineBuilds = { default: null, pin: null, deny: [] };

/** How a machine that was adopted was started by somebody else. Its document tells of it, this makes it. */
export interface AdoptedLine {
  /** QEMU's arguments, without the program and what a wrapper puts before them. */
  readonly args: readonly string[];
  /** Relative paths in them are meant from here. */
  readonly folder: string;
}

/** The process that somebody else started is the first instance; those after it are started here. */
export const ADOPTED_GENERATION = 1;

/** The operator's own order among machines. */
export type Labels = Readonly<Record<string, string>>;

export interface Machine {
  readonly id: string;
  readonly name: string;
  /** Of name, specification, labels and builds together; what the machine does just now does not change it. */
  readonly revision: number;
  readonly labels: Labels;
  readonly spec: MachineSpec;
  readonly builds: MachineBuilds;
  /** Null: it was created here. */
  readonly adopted: AdoptedLine | null;
  readonly desiredPower: DesiredPower;
  readonly state: MachineState;
  /** Why it is in this state, for people. */
  readonly stateReason: string;
  /** The instance that runs it, or ran it last. */
  readonly currentGeneration: number | null;
  /** Null: there is none. */
  readonly savedState: SavedState | null;
  /** Null: it is not, as far as the daemon knows. */
  readonly freeze: GuestFreeze | null;
  /** What was asked for before the host went down; null: the host has not taken it down. */
  readonly beforeShutdown: DesiredPower | null;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** A machine with what is recorded around it. */
export interface MachineOverview {
  readonly machine: Machine;
  /** Build of its current instance; null: it has none. */
  readonly build: string | null;
  /** Whether a process runs it that a start would not make so now: on another build, or on files since replaced. */
  readonly isOutdated: boolean;
  /** Id of the operation under way. */
  readonly operationId: string | null;
}

/** Of a list: null: any. */
export interface MachineFilter {
  /** Exact, or with `*` for any characters. */
  readonly name: string | null;
  readonly state: readonly string[] | null;
  readonly build: string | null;
  readonly outdated: boolean | null;
  /** All of these; null for a value: any. */
  readonly labels: Readonly<Record<string, string | null>> | null;
  /** Ids of the machines that who asks may know of; null: all. */
  readonly visible: readonly string[] | null;
}

export const MACHINE_NAME = '^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$';

/** Runtime folders carry this short form: unix socket paths have 107 bytes. */
export function shortId(machineId: string): string {
  return machineId.slice(0, 8);
}

export const MACHINE_ACTIONS = [
  'start',
  'stop',
  'kill',
  'pause',
  'resume',
  'suspend',
  'restore',
  /** Throw the saved state away. */
  'discard',
  'upgrade',
  /** Its guest, by its agent. */
  'inspect',
  'freeze',
  'thaw',
  /** Of its document. */
  'change',
  /** Given up by the daemon, left to run: for adopted machines. */
  'release',
  'delete',
] as const;
export type MachineAction = (typeof MACHINE_ACTIONS)[number];

const HAS_PROCESS: readonly MachineState[] = ['starting', 'running', 'paused', 'stopping', 'unresponsive'];

const ALLOWED_IN: Readonly<Record<MachineAction, readonly MachineState[]>> = {
  start: ['stopped', 'crashed'],
  stop: ['running', 'paused', 'unresponsive'],
  kill: HAS_PROCESS,
  pause: ['running'],
  resume: ['paused'],
  suspend: ['running', 'paused'],
  restore: ['suspended'],
  discard: ['suspended'],
  upgrade: ['running', 'paused'],
  inspect: ['running'],
  freeze: ['running'],
  thaw: ['running'],
  change: ['stopped', 'crashed'],
  release: ['running', 'paused', 'unresponsive'],
  delete: ['stopped', 'crashed'],
};

/** States in which the action has nothing to do and succeeds at once. What throws away or replaces always acts. */
const ALREADY_IN: Readonly<Record<MachineAction, readonly MachineState[]>> = {
  start: ['running'],
  stop: ['stopped', 'crashed'],
  kill: ['stopped', 'crashed'],
  pause: ['paused'],
  resume: ['running'],
  suspend: ['suspended'],
  restore: [],
  discard: [],
  upgrade: [],
  inspect: [],
  freeze: [],
  thaw: [],
  change: [],
  release: [],
  delete: [],
};

const REMEDY: Readonly<Record<MachineAction, string>> = {
  start: 'wait until it is stopped, or resume it if it is paused',
  stop: 'wait for the operation under way, or kill it',
  kill: 'there is no process to kill',
  pause: 'start it first',
  resume: 'start it first',
  suspend: 'start it first',
  restore: 'only a suspended machine has a saved state',
  discard: 'only a suspended machine has a saved state',
  upgrade: 'start it first; a stopped machine takes its default build when it starts',
  inspect: 'start or resume it first; only a guest that runs can answer',
  freeze: 'start or resume it first; only a guest that runs can answer',
  thaw: 'start or resume it first; only a guest that runs can answer',
  change: 'stop it first; what a running guest has found cannot be changed under it',
  release: 'delete it',
  delete: 'stop or kill it first',
};

const SUSPENDED_REMEDY = 'restore it, or discard its saved state first';

export type Decision =
  | { readonly kind: 'run' }
  | { readonly kind: 'already' }
  | { readonly kind: 'refuse'; readonly code: ErrorCode; readonly message: string };

export interface Situation {
  readonly state: MachineState;
  readonly operation: { readonly kind: OperationKind; readonly id: string } | null;
}

/** A kill may break into anything but an upgrade, which has to bring one side to an end itself. */
export function decide(action: MachineAction, { state, operation }: Situation): Decision {
  if (operation !== null) {
    if (operation.kind === 'upgrade') {
      return {
        kind: 'refuse',
        code: 'upgrade_in_progress',
        message: `expected no upgrade under way, but ${operation.id} is: wait for it or cancel it`,
      };
    }
    if (action !== 'kill' || operation.kind === 'kill') {
      return {
        kind: 'refuse',
        code: 'operation_in_progress',
        message: `expected no operation under way, but ${operation.kind} ${operation.id} is: wait for it`,
      };
    }
    return { kind: 'run' };
  }
  if (ALREADY_IN[action].includes(state)) return { kind: 'already' };
  if (ALLOWED_IN[action].includes(state)) return { kind: 'run' };
  const remedy = state === 'suspended' ? SUSPENDED_REMEDY : REMEDY[action];
  return {
    kind: 'refuse',
    code: 'wrong_state',
    message: `to ${action} it the machine must be ${ALLOWED_IN[action].join(' or ')}, but it is ${state}: ${remedy}`,
  };
}
