/**
 * The recorded state of one machine, which follows what is seen of its instance. Written at once when nothing else
 * works on the machine, and again later when the store does not take it. Only the machine's actor uses this.
 */
import type { Logger } from 'pino';
import { BatonError } from '../errors.js';
import type { ProcessEnd } from '../instance/program-starter.js';
import type { RunningInstance } from '../instance/running-instance.js';
import { isSaved, type Machine, type MachineState } from '../machine.js';
import type { MachineChange } from '../store/machines.js';
import type { MachineInstances } from './instances.js';
import { observe } from './observe.js';
import type { Services } from './services.js';

/** A full disk is made room on; nobody else looks at an ended VMM again. */
const SETTLE_AGAIN_MS = 1_000;
const LOOK_AGAIN_DEADLINE_MS = 5_000;

export interface ObservedStateOptions {
  readonly services: Services;
  readonly instances: MachineInstances;
  readonly machineId: string;
  readonly log: Logger;
  /** Whether an operation works on the machine: it says itself what is recorded. */
  readonly isBusy: () => boolean;
}

export class ObservedState {
  /** The instance that runs the machine; null: none does. */
  current: RunningInstance | null = null;
  readonly #options: ObservedStateOptions;
  readonly #ends = new WeakMap<RunningInstance, ProcessEnd>();
  #isRetired = false;
  /** Set while the store has not taken what was seen last. */
  #timer: NodeJS.Timeout | null = null;

  constructor(options: ObservedStateOptions) {
    this.#options = options;
  }

  get machine(): Machine {
    const { services, machineId } = this.#options;
    const machine = services.store.machines.byId(machineId);
    if (machine === null)
      throw new BatonError('machine_not_found', `there is no machine ${machineId} any more`);
    return machine;
  }

  changed(instance: RunningInstance): void {
    if (instance === this.current && !this.#options.isBusy()) this.settle();
  }

  ended(instance: RunningInstance, end: ProcessEnd): void {
    const { instances, isBusy } = this.#options;
    this.#ends.set(instance, end);
    instances.recordEnd(instance.generation, end);
    if (!isBusy() && !this.#isRetired) this.settle();
  }

  /** For somebody who is about to decide by what is recorded. */
  catchUp(): void {
    if (this.#timer !== null && !this.#options.isBusy()) this.settle();
  }

  /** Makes the recorded state agree with what is seen, later if the store does not take it. Never throws. */
  settle(): void {
    this.#forgetTimer();
    try {
      this.#settle();
    } catch (error) {
      const { log, isBusy } = this.#options;
      log.error({ err: error }, "the machine's state could not be written");
      if (this.#isRetired) return;
      const settle = () => (isBusy() ? this.#forgetTimer() : this.settle());
      this.#timer = setTimeout(settle, SETTLE_AGAIN_MS).unref();
    }
  }

  #settle(): void {
    const { instances } = this.#options;
    instances.writeEnds();
    const { state, savedState, adopted, desiredPower } = this.machine;
    const { current } = this;
    if (isSaved(savedState)) {
      this.set('suspended', 'its guest is saved');
      if (current?.hasEnded) this.current = null;
      return;
    }
    if (current === null) {
      const wasAlive = state !== 'stopped' && state !== 'crashed';
      if (wasAlive) this.set('crashed', 'the VMM ended while the daemon was not running');
      return;
    }
    if (adopted !== null) instances.publishSockets(adopted, current);
    const { shutdownReason, isAnswering, runStatus } = current;
    const end = this.#ends.get(current) ?? null;
    const seen = observe({ end, shutdownReason, isAnswering, runStatus });
    const asked = end !== null && desiredPower === 'stopped';
    const change = seen.state === 'stopped' ? ({ desiredPower: 'stopped' } as const) : {};
    if (asked) this.set('stopped', 'stopped');
    else this.set(seen.state, seen.reason, change);
    if (end !== null) this.current = null;
  }

  set(state: MachineState, reason: string, change: MachineChange = {}): void {
    const { services, machineId } = this.#options;
    const { store } = services;
    const before = this.machine;
    if (before.state === state && before.stateReason === reason) return;
    /* A guest that is no more is not frozen. */
    const frozen = state === 'stopped' || state === 'crashed' ? { freeze: null } : {};
    store.durably(() => {
      store.machines.update(machineId, { ...frozen, ...change, state, stateReason: reason });
      if (before.state === state) return;
      const data = { state, from: before.state, reason };
      store.emit({ type: 'baton.machine.state-changed', subject: `machines/${machineId}`, data });
    });
  }

  /** After what went wrong: a VMM that has stopped answering must not be shown as it last was. */
  lookAgain(): void {
    const { current } = this;
    if (current === null || current.hasEnded || !current.isAnswering) return;
    current.queryStatus({ deadlineMs: LOOK_AGAIN_DEADLINE_MS }).catch(() => {
      if (!this.#options.isBusy()) current.doubt();
    });
  }

  /** Deleted, or let go by a daemon that ends: nothing is written any more by itself. */
  retire(): void {
    this.#isRetired = true;
    this.#forgetTimer();
  }

  #forgetTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
