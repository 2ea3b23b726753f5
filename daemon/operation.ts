/** Operations: whatever can take long. Each ends, in a state that says what happened. */
import type { Principal } from './access/principal.js';
import type { ProblemBody } from './errors.js';
import type { UpgradeState } from './upgrade.js';

export const OPERATION_KINDS = [
  'start',
  'stop',
  'kill',
  'pause',
  'resume',
  'suspend',
  'restore',
  'discard',
  'upgrade',
] as const;
export type OperationKind = (typeof OPERATION_KINDS)[number];

export const OPERATION_STATES = ['running', 'succeeded', 'failed', 'cancelled'] as const;
export type OperationState = (typeof OPERATION_STATES)[number];

export interface Operation {
  readonly id: string;
  readonly kind: OperationKind;
  readonly machineId: string;
  readonly state: OperationState;
  /** Who asked for it. */
  readonly requester: Principal;
  readonly error: ProblemBody | null;
  /** Of an upgrade, how far it is; null: it is none. */
  readonly upgrade: { readonly state: UpgradeState; readonly committed: boolean } | null;
  readonly createdAtMs: number;
  readonly finishedAtMs: number | null;
}

export const POINTS_OF_NO_RETURN = [
  /** It can be undone. */
  'ahead',
  /** It was passed: what was begun is finished. */
  'passed',
  /** There is none: it is not undone, and cannot be cancelled. */
  'none',
] as const;

/** Only an upgrade has one: its commit. */
export function pointOfNoReturn({ upgrade }: Operation): (typeof POINTS_OF_NO_RETURN)[number] {
  if (upgrade === null) return 'none';
  return upgrade.committed ? 'passed' : 'ahead';
}

export function isCancellable(operation: Operation): boolean {
  return operation.state === 'running' && pointOfNoReturn(operation) === 'ahead';
}

/** Of a list: null: any. */
export interface OperationFilter {
  readonly machine: string | null;
  readonly state: readonly string[] | null;
  readonly kind: readonly string[] | null;
  /** Ids of the machines that who asks may know of; null: all. */
  readonly visible: readonly string[] | null;
}
