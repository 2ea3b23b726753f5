/**
 * Says that the daemon is alive, as often as its supervisor wants to hear it, and only when it is: a timer of the event
 * loop came, the loop went once around its input and output, and `check` did not throw. A daemon that says nothing any
 * more is ended by its supervisor and started again, and its machines run on.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { messageOf } from '../errors.js';
import type { Supervision } from './notify.js';

/** One that comes late is no sign of death yet. */
const CHECKS_PER_INTERVAL = 3;

export interface Watchdog {
  stop(): void;
}

/** `check` throws when the daemon is of no use, and returns what there is to say of it. */
export function startWatchdog(supervision: Supervision, check: () => string): Watchdog {
  const { watchdogMs } = supervision;
  if (watchdogMs === null) return { stop: () => undefined };
  const look = async () => {
    await nextTurn();
    try {
      supervision.alive(check());
    } catch (error) {
      supervision.status(`not well: ${messageOf(error)}`);
    }
  };
  const timer = setInterval(look, watchdogMs / CHECKS_PER_INTERVAL).unref();
  void look();
  return { stop: () => clearInterval(timer) };
}
