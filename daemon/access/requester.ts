/**
 * For whom the work at hand is done. It goes along with every call and every wait, so that what is written deep down
 * can say who asked. N.B. Callbacks of sockets and timers go on for whoever made those: what happens by itself
 * later is to be run `asRequester(DAEMON, …)`.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { DAEMON, type Principal } from './principal.js';

const requesters = new AsyncLocalStorage<Principal>();

/** The daemon itself when nobody asked. */
export function currentRequester(): Principal {
  return requesters.getStore() ?? DAEMON;
}

export function asRequester<T>(requester: Principal, work: () => T): T {
  return requesters.run(requester, work);
}
