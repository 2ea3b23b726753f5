/**
 * What an upgrade is: its modes, its states and the legal ways between them, and why it can end otherwise
 * than wished. Pure.
 *
 *     pending → preflight → preparing → transferring → configuring → paused → verifying
 *             → committing → finishing → succeeded
 *     a mode that hands over no descriptors, or keeps them in its process, goes from preparing or transferring
 *     to paused at once;
 *     any of the states before the commit took effect → rolling-back → rolled-back | cancelled | failed
 */
import type { Finding } from './preflight/finding.js';

export const UPGRADE_MODES = ['cpr-transfer', 'cpr-exec', 'cpr-reboot'] as const;
export type UpgradeMode = (typeof UPGRADE_MODES)[number];

export const UPGRADE_STATES = [
  'pending',
  /** Looking whether it can work; nothing was touched. */
  'preflight',
  /** Source made ready, target being started; the guest runs. */
  'preparing',
  /** The source hands its descriptors over; the guest runs. */
  'transferring',
  /** The target has them and is being set up; the guest runs. */
  'configuring',
  /** The source has stopped; its state is on its way. */
  'paused',
  /** The target has loaded, is stopped, and is being looked at. */
  'verifying',
  /** The one command that lets the target run is on its way. */
  'committing',
  /** The target runs; the source is being put away. */
  'finishing',
  'succeeded',
  'rolling-back',
  /** The source runs (or is paused) as before; if it was no more, its build does in an instance of its own. */
  'rolled-back',
  /** Neither: the reason says what is left. */
  'failed',
  /** Rolled back because somebody asked for it. */
  'cancelled',
] as const;
export type UpgradeState = (typeof UPGRADE_STATES)[number];

export const NEXT: Readonly<Record<UpgradeState, readonly UpgradeState[]>> = {
  pending: ['preflight', 'rolling-back'],
  preflight: ['preparing', 'rolling-back'],
  preparing: ['transferring', 'paused', 'rolling-back'],
  transferring: ['configuring', 'paused', 'rolling-back'],
  configuring: ['paused', 'rolling-back'],
  paused: ['verifying', 'rolling-back'],
  verifying: ['committing', 'rolling-back'],
  committing: ['finishing', 'rolling-back', 'failed'],
  finishing: ['succeeded', 'failed'],
  succeeded: [],
  'rolling-back': ['rolled-back', 'cancelled', 'failed'],
  'rolled-back': [],
  failed: [],
  cancelled: [],
};

export type TerminalState = 'succeeded' | 'rolled-back' | 'failed' | 'cancelled';

export function isTerminal(state: UpgradeState): state is TerminalState {
  return NEXT[state].length === 0;
}

export function canBecome(from: UpgradeState, to: UpgradeState): boolean {
  return NEXT[from].includes(to);
}

/** Why an upgrade did not succeed: code → what the user can do. */
export const UPGRADE_REASONS = {
  preflight_blocked: 'nothing was touched; each finding that blocks says what would help',
  source_not_ready: 'bring the machine to a running or paused state and try again',
  source_blocked:
    'the running VMM names what cannot be carried; change that, with one cold restart if it must be',
  memory_not_held:
    "the guest's memory could not be kept beside its VMM; read its words, or choose another mode",
  exec_failed: 'the VMM could not run the new program and went on as it was; read its words',
  target_died: "read the target's output; fix what it names and try again",
  target_timeout: 'the target took too long; try again, and look at the load of the host',
  target_rejected: "read the target's output; the two builds may not understand each other",
  target_not_verified: 'the target loaded but is not what was expected; report this with its log',
  transfer_failed: "read the source's and the target's words; nothing was lost, try again",
  source_died: 'the VMM that ran the guest died during the upgrade; start the machine',
  machine_stopped: 'the guest powered itself off during the upgrade; start the machine when wanted',
  commit_refused: 'the target refused to run; read its words, the source went on',
  commit_unconfirmed: 'the target took over and does not answer; kill the machine and start it',
  memory_not_released:
    'the machine runs on the target; look why the process that kept its memory does not end',
  state_not_removed: 'the machine runs on the target; remove the folder that is named',
  source_not_released: 'the machine runs on the target; look why the old process does not end',
  source_not_resumed: 'the source does not run again; kill the machine and start it',
  journal_failed: 'the store could not be written; make room or repair it, then try again',
  cancelled: 'start it again when wanted',
  daemon_restarted: 'the daemon was restarted before the point of no return; try again',
  internal_error: "read the daemon's log",
} as const satisfies Record<string, string>;
export type UpgradeReasonCode = keyof typeof UPGRADE_REASONS;

export interface UpgradeReason {
  readonly code: UpgradeReasonCode;
  readonly message: string;
  readonly remedy: string;
  /** The step that could not be done. */
  readonly step: string | null;
  /** The last lines that the target wrote to its stderr. */
  readonly vmmOutput: readonly string[];
}

export interface UpgradeStep {
  readonly name: string;
  readonly intentAtMs: number;
  readonly result: 'done' | 'failed' | 'undone' | 'undo-failed' | null;
  readonly durationUs: number | null;
}

export const GUEST_ACTS = ['notice-before', 'freeze', 'thaw', 'notice-after'] as const;
export const GUEST_ACT_RESULTS = [
  'done',
  /** The guest did not do it, or it is not known: the upgrade went on without it. */
  'failed',
  /** There was nothing to do it with, or no need to. */
  'skipped',
] as const;

/** Something that the guest was asked for. */
export interface GuestAct {
  readonly act: (typeof GUEST_ACTS)[number];
  /** Null: it is being asked. */
  readonly result: (typeof GUEST_ACT_RESULTS)[number] | null;
  /** Why it is not done, for people. */
  readonly detail: string | null;
  readonly atMs: number;
  readonly durationMs: number | null;
}

/** What an upgrade wishes of its guest, if its agent answers. Nothing of it is a condition for anything. */
export interface GuestWishes {
  /** That it is told before it stands still, and after. */
  readonly notify: boolean;
  /** That its filesystems are frozen meanwhile. */
  readonly freeze: boolean;
  /** What it is told; null: what is done. */
  readonly reason: string | null;
}

export interface UpgradeGuest extends GuestWishes {
  /** In order. */
  readonly acts: readonly GuestAct[];
}

export interface Upgrade {
  readonly id: string;
  readonly machineId: string;
  readonly mode: UpgradeMode;
  readonly modeReason: string;
  readonly state: UpgradeState;
  readonly sourceGeneration: number;
  readonly targetGeneration: number;
  readonly sourceBuild: string;
  readonly targetBuild: string;
  readonly wasRunning: boolean;
  /** The intent to commit was written: from here on the source never runs a vCPU again, unless the target refused. */
  readonly committed: boolean;
  readonly cancelRequested: boolean;
  readonly reason: UpgradeReason | null;
  /** The instance that the guest was brought back in, when the source itself was no more. */
  readonly restoredGeneration: number | null;
  /** What preflight said. */
  readonly findings: readonly Finding[];
  readonly guest: UpgradeGuest;
  /** From the source's STOP to the target's RESUME, by the VMMs' own timestamps. */
  readonly pauseUs: number | null;
  readonly createdAtMs: number;
  readonly finishedAtMs: number | null;
  readonly steps: readonly UpgradeStep[];
}

/** Of a list: null: any. */
export interface UpgradeFilter {
  readonly machine: string | null;
  readonly state: readonly string[] | null;
  readonly mode: readonly string[] | null;
  /** Id of a build that is left or gone to. */
  readonly build: string | null;
  /** Ids of the machines that who asks may know of; null: all. */
  readonly visible: readonly string[] | null;
}

/** An upgrade step could not be done. Carries the reason that the operator will read. */
export class UpgradeError extends Error {
  readonly code: UpgradeReasonCode;

  constructor(code: UpgradeReasonCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'UpgradeError';
    this.code = code;
  }
}
