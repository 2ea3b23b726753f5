/**
 * What differs between kinds of VMM: how a machine is written as a command line, and how a binary is asked
 * what it is. Everything after the start is QMP and the same for all.
 */
import type { Build, BuildAbilities, BuildKind } from '../build.js';
import type { InstancePaths } from '../instance.js';
import type { AdoptedLine, Machine, MachineSpec } from '../machine.js';
import type { CommandNeeds } from '../preflight/command-needs.js';
import type { Finding } from '../preflight/finding.js';

/**
 * What an instance that takes a guest over waits for, in either case for `migrate-incoming` in the end:
 * `cpr`: first for descriptors on `paths.cpr`; `state`: for nothing else.
 */
export type Incoming = 'cpr' | 'state';

/** An adopted one is made by its line and only described by its document. */
export type PlannedMachine = Pick<Machine, 'id' | 'name' | 'spec'> & {
  readonly adopted?: AdoptedLine | null;
};

export interface InstancePlan {
  readonly machine: PlannedMachine;
  readonly build: Pick<Build, 'path' | 'abilities'>;
  readonly paths: InstancePaths;
  /** Where the guest comes from; null: it boots. */
  readonly incoming: Incoming | null;
}

/** Of the descriptors of a command line. */
export const FIRST_INHERITED_FD = 3;

export interface CommandLine {
  readonly file: string;
  readonly args: readonly string[];
  /** The daemon's descriptors that the process inherits, as 3, 4, … in this order; none when left out. */
  readonly fds?: readonly number[];
  /** Where it is started; default: the root. */
  readonly folder?: string;
}

/** `refusals` are sentences that name the member of the document and what would be possible. */
export type Resolution =
  | { readonly spec: MachineSpec; readonly refusals: readonly [] }
  | { readonly spec: null; readonly refusals: readonly string[] };

/** A move of a machine between two builds of one kind. */
export interface Comparison {
  readonly spec: MachineSpec;
  /** What the target's command line asks for. */
  readonly needs: CommandNeeds;
  readonly target: Build;
  /** Null: there is none, or it cannot be run any more. */
  readonly source: Build | null;
  /** Types of the devices that the running machine has; null: not known. */
  readonly typesInUse: ReadonlySet<string> | null;
}

export interface VmmDriver {
  readonly kind: BuildKind;
  /**
   * Whether its VMMs open taps by name and hand them, and connections to network processes, on with their guests;
   * else a tap is inherited as a descriptor, and a connection made anew.
   */
  readonly carriesNetwork: boolean;
  /** The VMM starts with no vCPU running, in either case: one `cont` is what lets the guest run. */
  commandLine(plan: InstancePlan): CommandLine;
  /** Runs the binary to learn what it can do. Rejects with a sentence when it is not a VMM of this kind. */
  probe(path: string): Promise<Pick<Build, 'version' | 'abilities'>>;
  /** The files that make it what it is now, `path` first. Rejects when that is no VMM of this kind. */
  filesOf(path: string): Promise<readonly string[]>;
  /** The document with every default that depends on the build resolved; of a resolved one nothing changes. */
  resolve(spec: MachineSpec, abilities: BuildAbilities): Resolution;
  /** What the binaries themselves say of the move. Rejects when one does not answer. */
  compare(comparison: Comparison): Promise<readonly Finding[]>;
  /** A machine of the same shape that can be started beside the real one. Rejects when there is none. */
  standIns(spec: MachineSpec): Promise<MachineSpec>;
}

export type VmmDrivers = ReadonlyMap<BuildKind, VmmDriver>;
