/**
 * What becomes of a machine as its host goes down and comes up, by its document. Pure.
 *
 *     down   onHostShutdown  stop      the power button, a deadline, then the VMM is told to quit
 *                            suspend   the guest becomes a file; where that fails, it is stopped
 *     up     onHostBoot      restore   as it was before the host went down, or lost its power
 *                            start     runs in any case
 *                            leave     nothing
 */
import { isSaved, type Machine } from '../machine.js';

const HAS_GUEST: readonly Machine['state'][] = ['running', 'paused', 'unresponsive'];

/** Null: there is no guest. A suspend that was tried in this shutdown has failed. */
export function wayDown({ state, spec, beforeShutdown }: Machine): 'stop' | 'suspend' | null {
  if (!HAS_GUEST.includes(state)) return null;
  const canSuspend = state !== 'unresponsive' && beforeShutdown === null;
  return spec.onHostShutdown === 'suspend' && canSuspend ? 'suspend' : 'stop';
}

/** `diedWithHost`: its process is of an earlier boot, and nobody had asked for its end. */
export function wayUp(machine: Machine, diedWithHost: boolean): 'start' | 'restore' | null {
  const { state, spec, savedState, beforeShutdown } = machine;
  if (spec.onHostBoot === 'leave') return null;
  if (isSaved(savedState)) return beforeShutdown === null ? null : 'restore';
  if (state !== 'stopped' && state !== 'crashed') return null;
  if (spec.onHostBoot === 'start') return 'start';
  return beforeShutdown === 'running' || diedWithHost ? 'start' : null;
}
