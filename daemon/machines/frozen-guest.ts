/**
 * Keeps the filesystems of a guest from being frozen for longer than was said. That they may be, and until when, is on
 * disk before the guest is asked; it is taken off when the guest says that they are thawed, or is no more. In between
 * this daemon thaws them in time, and one that is started thaws them at once. A guest that does not answer is asked
 * again and again, in between operations.
 */
import type { Logger } from 'pino';
import { DAEMON } from '../access/principal.js';
import { asRequester } from '../access/requester.js';
import type { NewEvent } from '../event.js';
import { type AgentClient, withAgent } from '../guest-agent/agent-client.js';
import { AgentRefused } from '../guest-agent/agent-errors.js';
import { freezeFilesystems, thawFilesystems } from '../guest-agent/filesystems.js';
import type { GuestFreeze } from '../machine.js';
import type { HoldMachine } from '../preflight/preflight.js';
import type { Store } from '../store/store.js';
import type { ObservedState } from './observed-state.js';

/** While an operation works on the machine, and while its guest stands still. */
const NOT_NOW_MS = 1_000;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 30_000;

export interface FrozenGuestOptions {
  readonly store: Store;
  readonly machineId: string;
  readonly observed: ObservedState;
  readonly look: HoldMachine;
  readonly log: Logger;
  /** How long the agent may take to answer; undefined: its client says. */
  readonly answerMs: number | undefined;
}

export interface Freezing {
  readonly maxMs: number;
  readonly upgradeId: string | null;
}

export class FrozenGuest {
  readonly #options: FrozenGuestOptions;
  #timer: NodeJS.Timeout | null = null;
  #retryMs = FIRST_RETRY_MS;
  #isRetired = false;

  constructor(options: FrozenGuestOptions) {
    this.#options = options;
  }

  /** Null: the guest is not frozen, as far as is known. */
  get freeze(): GuestFreeze | null {
    return this.#options.observed.machine.freeze;
  }

  /** Returns how many filesystems. When it is not known whether they are frozen they are thawed, now or later. */
  async begin(agent: AgentClient, { maxMs, upgradeId }: Freezing, signal: AbortSignal): Promise<number> {
    await agent.ask('guest-ping', {}, { signal });
    const sinceMs = Date.now();
    this.#record({ sinceMs, thawAtMs: sinceMs + maxMs, upgradeId });
    this.#arm();
    try {
      const filesystems = await freezeFilesystems(agent, signal);
      const data = { filesystems, upgrade: upgradeId, maxMs };
      this.#emit({ type: 'baton.machine.frozen', subject: this.#subject, data });
      return filesystems;
    } catch (error) {
      await this.#takeBack(agent, error, signal);
      throw error;
    }
  }

  /** Nothing to do is success. Returns how many filesystems. */
  async end(agent: AgentClient, signal: AbortSignal): Promise<number> {
    const filesystems = await thawFilesystems(agent, signal);
    const { freeze } = this;
    if (freeze !== null) {
      this.#forget();
      const data = { filesystems, upgrade: freeze.upgradeId };
      this.#emit({ type: 'baton.machine.thawed', subject: this.#subject, data });
    }
    return filesystems;
  }

  /** They are to be thawed as soon as nothing else works on the machine. */
  makeDue(): void {
    const { freeze } = this;
    if (freeze === null) return;
    this.#record({ ...freeze, thawAtMs: Math.min(freeze.thawAtMs, Date.now()) });
    this.#arm();
  }

  /** Deleted, or let go by a daemon that ends. */
  retire(): void {
    this.#isRetired = true;
    this.#disarm();
  }

  /** An agent that refuses has not frozen. After anything else it may have. */
  async #takeBack(agent: AgentClient, error: unknown, signal: AbortSignal): Promise<void> {
    try {
      if (!(error instanceof AgentRefused)) await thawFilesystems(agent, signal);
      this.#forget();
    } catch {
      this.makeDue();
    }
  }

  #arm(): void {
    this.#disarm();
    const { freeze } = this;
    if (freeze === null || this.#isRetired) return;
    this.#wakeIn(Math.max(0, freeze.thawAtMs - Date.now()));
  }

  #wakeIn(waitMs: number): void {
    this.#timer = setTimeout(() => void asRequester(DAEMON, () => this.#thawInTime()), waitMs).unref();
  }

  #disarm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#retryMs = FIRST_RETRY_MS;
  }

  async #thawInTime(): Promise<void> {
    const { log, machineId } = this.#options;
    try {
      if (this.#isRetired || this.freeze === null) return;
      if ((await this.#tryToThaw()) === null) this.#wakeIn(NOT_NOW_MS);
      return;
    } catch (error) {
      log.warn(
        { err: error, machine: machineId },
        'a guest that is frozen could not be thawed, trying again',
      );
    }
    if (this.#isRetired) return;
    this.#wakeIn(this.#retryMs);
    this.#retryMs = Math.min(LAST_RETRY_MS, this.#retryMs * 2);
  }

  /** Null: not now. */
  async #tryToThaw(): Promise<number | null> {
    const { observed, look, answerMs } = this.#options;
    return look(async (signal) => {
      const { current } = observed;
      if (current === null || !current.runStatus?.running) return null;
      return withAgent(current.paths.agent, { signal, answerMs }, (agent) => this.end(agent, signal));
    });
  }

  #record(freeze: GuestFreeze | null): void {
    const { store, machineId } = this.#options;
    store.durably(() => store.machines.update(machineId, { freeze }));
  }

  #forget(): void {
    this.#record(null);
    this.#disarm();
  }

  #emit(event: NewEvent): void {
    const { store } = this.#options;
    store.durably(() => store.emit(event));
  }

  get #subject(): string {
    return `machines/${this.#options.machineId}`;
  }
}
