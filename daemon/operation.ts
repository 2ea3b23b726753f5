/** Operations: whatever can take long. Each ends, in a state that says what happened. */
import type { Principal } from './access/principal.js';
import type { ProblemBody } from './errors.js';

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
  readonly createdAtMs: number;
  readonly finishedAtMs: number | null;
}
