/** What state a machine is in, from what is seen of its instance. Pure. */

import type { ProcessEnd } from '../instance/program-starter.js';
import { describeEnd } from '../instance/running-instance.js';
import type { MachineState } from '../machine.js';

export interface Seen {
  readonly end: ProcessEnd | null;
  readonly shutdownReason: string | null;
  readonly isAnswering: boolean;
  readonly runStatus: { readonly running: boolean; readonly status: string } | null;
}

export interface Observation {
  readonly state: MachineState;
  readonly reason: string;
}

/** SHUTDOWN's reasons, and what they mean to the operator. */
const ENDED_IN_ORDER: Readonly<Record<string, string>> = {
  'guest-shutdown': 'the guest powered itself off',
  'guest-reset': 'the guest asked for a reset and the VMM ended',
  'host-qmp-quit': 'stopped',
  'host-signal': 'the VMM was ended by a signal from outside the daemon',
};

export function observe({ end, shutdownReason, isAnswering, runStatus }: Seen): Observation {
  if (end !== null) {
    const ended = shutdownReason === null ? undefined : ENDED_IN_ORDER[shutdownReason];
    if (ended !== undefined) return { state: 'stopped', reason: ended };
    return { state: 'crashed', reason: `the VMM ended by itself (${describeEnd(end)})` };
  }
  if (!isAnswering || runStatus === null) {
    return { state: 'unresponsive', reason: 'the VMM process is there, but its monitor does not answer' };
  }
  if (runStatus.running) return { state: 'running', reason: 'the guest runs' };
  return { state: 'paused', reason: `the VMM is ${runStatus.status}` };
}
