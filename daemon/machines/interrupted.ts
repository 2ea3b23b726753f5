/**
 * How an operation ends that an earlier daemon began, by what is there now, and how a look does. Upgrades are taken
 * up elsewhere.
 */
import type { Logger } from 'pino';
import { messageOf } from '../errors.js';
import type { RunningInstance } from '../instance/running-instance.js';
import type { Machine } from '../machine.js';
import type { Operation } from '../operation.js';
import { resetMode } from '../preflight/source-facts.js';
import type { ActorHands } from './lifecycle.js';
import { takeUpRestore } from './restore.js';
import { takeUpSuspend } from './suspend.js';

/** Returns whether what was asked for is reached. */
export async function takeUp(hands: ActorHands, { kind }: Operation): Promise<boolean> {
  const { current } = hands;
  const isGone = current === null || current.hasEnded;
  const running = isGone ? null : (current.runStatus?.running ?? null);
  switch (kind) {
    case 'start':
      return takeUpStart(hands, running);
    case 'kill':
      if (current !== null) await hands.instances.kill(current);
      return true;
    case 'stop':
      return isGone;
    case 'pause':
      return running === false;
    case 'resume':
      return running === true;
    case 'suspend':
      await attempt(hands, takeUpSuspend);
      return machineOf(hands).savedState !== null;
    case 'restore':
      await attempt(hands, takeUpRestore);
      return ['running', 'paused'].includes(machineOf(hands).state);
    case 'discard':
      return machineOf(hands).savedState === null;
    case 'upgrade':
      return false;
  }
}

/** A guest that may never have run does not go on by accident. */
async function takeUpStart(
  { instances, current, setCurrent, setState }: ActorHands,
  running: boolean | null,
) {
  if (running === true) return true;
  if (current !== null && running === null && !current.hasEnded) return false;
  if (current !== null) await instances.kill(current);
  setCurrent(null);
  setState('stopped', 'the start was interrupted by the end of the daemon');
  return false;
}

/** As it is now. */
function machineOf({ services: { store }, machine }: ActorHands): Machine {
  return store.machines.byId(machine.id) ?? machine;
}

/** The daemon starts all the same, and the machine shows what is there. */
async function attempt(hands: ActorHands, work: (hands: ActorHands) => Promise<void>): Promise<void> {
  try {
    await work(hands);
  } catch (error) {
    hands.services.log.error({ err: error, machine: hands.machine.id }, messageOf(error));
  }
}

/** A daemon that died while it looked at the VMM may have left it in a mode in which snapshots have no memory. */
export async function endLook(current: RunningInstance | null, log: Logger): Promise<void> {
  if (current === null || current.hasEnded || !current.isAnswering) return;
  await resetMode(current).catch((error) => {
    log.warn({ err: error, generation: current.generation }, 'migration mode not set back');
  });
}
