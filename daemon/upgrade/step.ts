/** What a step of an upgrade is, and what it works with. */
import type { Build } from '../build.js';
import type { CommandLine, Incoming } from '../instance/driver.js';
import type { HostProcesses } from '../instance/host.js';
import type { EventWatch } from '../instance/qmp-client.js';
import type { RunningInstance, RunStatus } from '../instance/running-instance.js';
import type { Machine } from '../machine.js';
import type { PreflightReport } from '../preflight/preflight.js';
import type { Upgrade, UpgradeState } from '../upgrade.js';
import type { GuestHardware } from './guest-hardware.js';

/**
 * The guest, as far as its agent answers. Whatever it does or does not, nothing here rejects, `prepare` excepted: with
 * the reason of its signal.
 */
export interface UpgradedGuest {
  /** Before it stands still: it is told, and its filesystems are frozen, as far as that was wished. */
  prepare(source: RunningInstance, signal: AbortSignal): Promise<void>;
  /** It runs: what was frozen for the upgrade is thawed. */
  thaw(instance: RunningInstance): Promise<void>;
  /** It runs: if it was told before, it is told where. */
  tell(instance: RunningInstance, outcome: 'moved' | 'stayed'): Promise<void>;
}

export interface UpgradeContext {
  /** Another one when preflight has chosen its mode. */
  upgrade: Upgrade;
  readonly machine: Pick<Machine, 'spec'>;
  /** A restarted daemon takes up what an earlier one began. */
  readonly recovering: boolean;
  readonly sourceBuild: Build;
  readonly targetBuild: Build;
  /**
   * Null when a restarted daemon finds that it has died, and when its process has become the target. Another one
   * when the guest had to be brought back.
   */
  source: RunningInstance | null;
  target: RunningInstance | null;
  readonly host: HostProcesses;
  /** Null: it cannot be asked for anything. */
  readonly guest: UpgradedGuest | null;
  /** Events of either side since before they could matter. */
  sourceEvents: EventWatch | null;
  targetEvents: EventWatch | null;
  /** The target's word on itself, asked for the moment it said that it has loaded. */
  loadedStatus: Promise<RunStatus> | null;
  /** What the source was made of while its guest ran; null: it was not asked yet. */
  sourceHardware: GuestHardware | null;
  /** Of this upgrade alone, for its sockets and state; a mode that wants it makes and removes it. */
  readonly folder: string;
  /** Looks whether it can work, touching nothing, and writes down what was found and the mode to take. */
  examine(signal: AbortSignal): Promise<PreflightReport>;
  /** Starts the target's process and writes down who it is; sets `target`. */
  launchTarget(incoming: Incoming): Promise<RunningInstance>;
  /** Writes down that the source's process is to become the target. Returns what it is to run. */
  announceTarget(): CommandLine;
  /** It runs it: the source is no more, its process is `target`. */
  becomeTarget(): void;
  /** Starts the source's build once more, waiting for descriptors, and writes down who it is. */
  launchRescue(): Promise<RunningInstance>;
  /** Written down before the rescue may run: it is `source` from now on. */
  becomeSource(rescue: RunningInstance): void;
  /** Removes what the target left on disk, its log excepted. Only when it has ended, or never came to be. */
  discardTarget(): void;
  /** Before the source hands the guest over, which still runs: nothing more is typed into it. */
  holdInput(): void;
  /** From here on the guest stands still. */
  guestPaused(): void;
  readonly stopAtUs: { value: number | null };
  readonly resumeAtUs: { value: number | null };
}

export interface Step {
  readonly name: string;
  /** What the upgrade is doing while this step runs. */
  readonly state: UpgradeState;
  /** What depends on the size of the guest is asked. */
  readonly deadlineMs: number | ((context: UpgradeContext) => number);
  /** It changes nothing: its intent can be written with what comes after it. */
  readonly looksOnly?: true;
  /** The point of no return: exactly one step of a list has it. */
  readonly commits: boolean;
  /** `signal` is aborted when the deadline passes, when a side dies, or when the upgrade is cancelled. */
  run(context: UpgradeContext, signal: AbortSignal): Promise<void>;
  /** Puts the source back. Must succeed when `run` stopped half-way, and when called again. */
  undo(context: UpgradeContext): Promise<void>;
}

export function deadlineOf({ deadlineMs }: Step, context: UpgradeContext): number {
  return typeof deadlineMs === 'number' ? deadlineMs : deadlineMs(context);
}

/** The source while it must be there. */
export function sourceOf(context: UpgradeContext): RunningInstance {
  if (context.source === null) throw new Error('the upgrade has no source');
  return context.source;
}

export function targetOf(context: UpgradeContext): RunningInstance {
  if (context.target === null) throw new Error('the upgrade has no target yet');
  return context.target;
}

export async function nothingToUndo(): Promise<void> {}
