/**
 * The engine's journal: intent before an act, result after it, each with the state that the world is told of, in
 * one transaction. While the guest stands still the writes are quick (see `store.ts`), before and after durable, and
 * what nothing is done on the strength of waits a moment, to be written with the next.
 * `observer` is told of every moment at which the daemon could die: after a write and before the act, and after
 * an act and before its write. Tests die there.
 */
import { BatonError } from '../errors.js';
import type { EventData } from '../event-types.js';
import type { Store } from '../store/store.js';
import {
  canBecome,
  isTerminal,
  type TerminalState,
  type UpgradeReason,
  type UpgradeState,
} from '../upgrade.js';
import type { Step } from './step.js';

/** A pause is mostly shorter: then one write holds all of it. */
const DEFER_AT_MOST_MS = 25;

/** What is told beside the states. */
type Told = Omit<EventData<'baton.upgrade.state-changed'>, 'upgrade' | 'state' | 'from'>;

export type JournalObserver = (moment: string) => void;

export interface StepDone {
  readonly position: number;
  readonly durationUs: number;
}

export interface JournalEnd {
  readonly state: TerminalState;
  readonly reason: UpgradeReason | null;
  /** Whether the target is the machine from now on. */
  readonly committed: boolean;
  readonly done: StepDone | null;
}

export class Journal {
  readonly #store: Store;
  readonly #id: string;
  readonly #machineId: string;
  readonly #observer: JournalObserver;
  #state: UpgradeState;
  #guestPaused = false;
  /** Written with the next write, in order. */
  #deferred: (() => void)[] = [];
  #flushTimer: NodeJS.Timeout | null = null;

  constructor(
    store: Store,
    upgrade: { id: string; machineId: string; state: UpgradeState },
    observer: JournalObserver,
  ) {
    this.#store = store;
    this.#id = upgrade.id;
    this.#machineId = upgrade.machineId;
    this.#state = upgrade.state;
    this.#observer = observer;
  }

  get state(): UpgradeState {
    return this.#state;
  }

  /** The result of the step before and the intent of the next, in one write. */
  begin(position: number, step: Step, done: StepDone | null): void {
    const work = () => {
      if (done !== null) this.#recordDone(done);
      this.#store.upgrades.recordIntent(this.#id, position, step.name);
      if (step.commits) this.#store.upgrades.setCommitted(this.#id, true);
      this.#become(step.state, { step: step.name });
    };
    if (this.#guestPaused && step.looksOnly) this.#defer(work);
    else this.#write(work);
    this.#observer(`begun:${step.name}`);
  }

  /** After an act, before its result is written. */
  acted(step: Step): void {
    this.#observer(`acted:${step.name}`);
  }

  /** The target is the machine from now on. The guest runs again: this write is durable. */
  committed(position: number, durationUs: number, targetGeneration: number, pauseUs: number | null): void {
    this.guestResumed();
    this.#write(() => {
      this.#recordDone({ position, durationUs });
      if (pauseUs !== null) this.#store.upgrades.setPause(this.#id, pauseUs);
      this.#store.machines.update(this.#machineId, { currentGeneration: targetGeneration });
    });
    this.#observer('committed');
  }

  guestPaused(): void {
    if (this.#guestPaused) return;
    this.#guestPaused = true;
    this.#store.beginPause();
    /* The guest's VMM is busy now, and we are not. */
    this.#write(() => this.#become('paused', {}));
    this.#observer('paused');
  }

  guestResumed(): void {
    if (!this.#guestPaused) return;
    this.#guestPaused = false;
    this.#store.endPause();
  }

  goBack(reason: UpgradeReason, failed: StepDone | null): void {
    this.#write(() => {
      if (failed !== null) {
        this.#store.upgrades.recordResult(this.#id, failed.position, 'failed', failed.durationUs);
      }
      this.#store.upgrades.setCommitted(this.#id, false);
      this.#store.upgrades.setReason(this.#id, reason);
      if (this.#state !== 'rolling-back') this.#become('rolling-back', { code: reason.code });
    });
    this.#observer('going-back');
  }

  undone(position: number, step: Step, succeeded: boolean): void {
    this.#write(() => {
      this.#store.upgrades.recordResult(this.#id, position, succeeded ? 'undone' : 'undo-failed', null);
    });
    this.#observer(`undone:${step.name}`);
  }

  /** The guest is about to run in an instance that was started to bring it back: it is the source from now on. */
  restored(generation: number): void {
    this.#write(() => this.#store.upgrades.setRestored(this.#id, generation));
    this.#observer('restored');
  }

  /** Writes whatever earlier writes could not. `alsoWrite` goes into the same transaction. */
  finish({ state, reason, committed, done }: JournalEnd, alsoWrite: () => void): void {
    this.guestResumed();
    this.#write(() => {
      if (done !== null) this.#recordDone(done);
      this.#store.upgrades.setCommitted(this.#id, committed);
      const via = state === 'succeeded' ? 'finishing' : 'rolling-back';
      if (!canBecome(this.#state, state)) this.#become(via, {});
      this.#become(state, reason === null ? {} : { code: reason.code, message: reason.message });
      this.#store.upgrades.finish(this.#id, state, reason);
      alsoWrite();
    });
    this.#observer('finished');
  }

  #recordDone({ position, durationUs }: StepDone): void {
    this.#store.upgrades.recordResult(this.#id, position, 'done', durationUs);
  }

  #write(work: () => void): void {
    const before = this.#state;
    const deferred = this.#deferred;
    const all = () => {
      for (const earlier of deferred) earlier();
      work();
    };
    try {
      if (this.#guestPaused) this.#store.quickly(all);
      else this.#store.durably(all);
    } catch (error) {
      this.#state = before;
      throw error;
    }
    this.#deferred = [];
    this.#forgetFlushing();
  }

  /** Nothing is done on its strength, so a restarted daemon decides the same without it. */
  #defer(work: () => void): void {
    this.#deferred.push(work);
    this.#flushTimer ??= setTimeout(() => this.#flush(), DEFER_AT_MOST_MS).unref();
  }

  #flush(): void {
    this.#flushTimer = null;
    try {
      this.#write(() => undefined);
    } catch {
      /* It is tried again with the next write, whose failure is heard. */
    }
  }

  #forgetFlushing(): void {
    if (this.#flushTimer !== null) clearTimeout(this.#flushTimer);
    this.#flushTimer = null;
  }

  #become(state: UpgradeState, data: Told): void {
    if (state === this.#state) return;
    if (!canBecome(this.#state, state)) {
      throw new BatonError('internal_error', `an upgrade cannot become ${state} from ${this.#state}`);
    }
    const from = this.#state;
    this.#state = state;
    if (!isTerminal(state)) this.#store.upgrades.setState(this.#id, state);
    this.#store.emit({
      type: 'baton.upgrade.state-changed',
      subject: `machines/${this.#machineId}`,
      data: { upgrade: this.#id, state, from, ...data },
    });
  }
}
