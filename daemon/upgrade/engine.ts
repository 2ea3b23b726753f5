/**
 * Runs an upgrade: the only code that runs steps, writes upgrade state, and measures. It promises:
 *
 * - Before the commit takes effect every failure, deadline, death of the target and cancellation ends with the
 *   target reaped and the source as it was; the result is `rolled-back` or `cancelled`, or `failed` when the
 *   source itself could not be brought back.
 * - From the commit on the source never runs again; the result is `succeeded`, or `failed` with what is left.
 * - `run` and `recover` always end, never throw, and leave a terminal state in the store.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import {
  type TerminalState,
  UPGRADE_REASONS,
  UpgradeError,
  type UpgradeMode,
  type UpgradeReason,
} from '../upgrade.js';
import type { Journal, JournalEnd, StepDone } from './journal.js';
import { explain, StepTimeout } from './reason.js';
import { deadlineOf, type Step, type UpgradeContext } from './step.js';

const STORE_RETRY_MS = 1_000;

export interface Outcome {
  readonly state: TerminalState;
  readonly reason: UpgradeReason | null;
}

export interface EngineOptions {
  readonly context: UpgradeContext;
  /** All lists begin with the same step, preflight, which may choose another mode than was thought of first. */
  readonly stepsOf: (mode: UpgradeMode) => readonly Step[];
  readonly journal: Journal;
  readonly log: Logger;
  /** Aborted when somebody cancels; heard until the commit. */
  readonly cancel: AbortSignal;
  /** Deadlines other than the steps' own, by step name. */
  readonly deadlinesMs: Readonly<Record<string, number>>;
  /** Written in the transaction that ends the upgrade. */
  readonly writeEnd: (outcome: Outcome) => void;
}

export class UpgradeEngine {
  readonly #options: EngineOptions;

  constructor(options: EngineOptions) {
    this.#options = options;
    if (this.#steps.filter((step) => step.commits).length !== 1) {
      throw new Error('expected exactly one step that commits');
    }
  }

  get #steps(): readonly Step[] {
    const { stepsOf, context } = this.#options;
    return stepsOf(context.upgrade.mode);
  }

  /** The one step whose failure needs thought. */
  get #commitPosition(): number {
    return this.#steps.findIndex((step) => step.commits);
  }

  /** By its name: the daemon that began it may have been an older one, with fewer steps in its list. */
  get #lastBegun(): number {
    const { steps } = this.#options.context.upgrade;
    const position = this.#steps.findIndex(({ name }) => name === steps.at(-1)?.name);
    return position < 0 ? steps.length - 1 : position;
  }

  async run(): Promise<Outcome> {
    return this.#forward(0);
  }

  /** After a restart of the daemon: on from the commit when its intent was written, back when it was not. */
  async recover(): Promise<Outcome> {
    const { upgrade } = this.#options.context;
    const last = this.#lastBegun;
    if (upgrade.committed) return this.#forward(Math.max(this.#commitPosition, last));
    const step = upgrade.steps.at(-1)?.name ?? null;
    const code = upgrade.cancelRequested ? 'cancelled' : 'daemon_restarted';
    const reason = upgrade.reason ?? {
      code,
      message: upgrade.cancelRequested
        ? 'it was cancelled'
        : `the daemon ended during ${step ?? 'the start'}`,
      remedy: UPGRADE_REASONS[code],
      step,
      vmmOutput: [],
    };
    return this.#back(last, reason, null);
  }

  async #forward(from: number): Promise<Outcome> {
    const { journal } = this.#options;
    let done: StepDone | null = null;
    for (let position = from; position < this.#steps.length; position += 1) {
      const step = this.#steps[position] as Step;
      const startedAtMs = performance.now();
      const measured = () => ({ position, durationUs: (performance.now() - startedAtMs) * 1000 });
      try {
        this.#begin(position, step, done);
      } catch (error) {
        return this.#failed(step, null, error, position - 1);
      }
      try {
        await this.#runStep(step);
      } catch (error) {
        return this.#failed(step, measured(), error, position);
      }
      journal.acted(step);
      done = measured();
      if (step.commits) {
        this.#recordCommit(done, this.#pauseUs());
        done = null;
      }
    }
    return this.#finish({ state: 'succeeded', reason: null, committed: true, done });
  }

  /** Before the commit an intent that cannot be written ends the upgrade; after it nothing may. */
  #begin(position: number, step: Step, done: StepDone | null): void {
    const { journal } = this.#options;
    if (position > this.#commitPosition) {
      this.#tryWrite(() => journal.begin(position, step, done));
    } else {
      this.#throwIfCancelled();
      journal.begin(position, step, done);
    }
  }

  #recordCommit(done: StepDone, pauseUs: number | null): void {
    const { journal, context } = this.#options;
    const { targetGeneration } = context.upgrade;
    this.#tryWrite(() => journal.committed(done.position, done.durationUs, targetGeneration, pauseUs));
  }

  async #runStep(step: Step): Promise<void> {
    const { context, cancel, deadlinesMs } = this.#options;
    const deadlineMs = deadlinesMs[step.name] ?? deadlineOf(step, context);
    const ending = new AbortController();
    const timer = setTimeout(() => ending.abort(new StepTimeout(step.name, deadlineMs)), deadlineMs);
    const signals = [ending.signal];
    const isUndecided = step.state !== 'committing' && step.state !== 'finishing';
    if (isUndecided) signals.push(cancel);
    /* Once the target has loaded, a source that dies is all the more reason to go on. */
    const needsSource = isUndecided && step.state !== 'verifying';
    if (needsSource && context.source !== null) signals.push(context.source.gone);
    if (context.target !== null) signals.push(context.target.gone);
    try {
      await step.run(context, AbortSignal.any(signals));
    } finally {
      clearTimeout(timer);
    }
  }

  /** `undoFrom` is the last step whose act was begun. */
  async #failed(step: Step, failed: StepDone | null, error: unknown, undoFrom: number): Promise<Outcome> {
    const { context, log } = this.#options;
    const reason = await explain(error, step.name, context);
    log.warn({ err: error, step: step.name, code: reason.code }, 'step failed');
    const isRefusedCommit = undoFrom === this.#commitPosition && this.#neverRan(error);
    if (undoFrom < this.#commitPosition || isRefusedCommit) return this.#back(undoFrom, reason, failed);
    return this.#failAfterCommit(undoFrom, failed, reason);
  }

  /** The commit step knows whether it is in doubt; any error that is not its own counts as doubt. */
  #neverRan(error: unknown): boolean {
    return error instanceof UpgradeError && error.code !== 'commit_unconfirmed';
  }

  async #failAfterCommit(position: number, failed: StepDone | null, reason: UpgradeReason): Promise<Outcome> {
    const { log } = this.#options;
    if (position === this.#commitPosition && failed !== null) this.#recordCommit(failed, null);
    for (const step of this.#steps.slice(position + 1)) {
      try {
        await this.#runStep(step);
      } catch (error) {
        log.error({ err: error, step: step.name }, 'step failed after a failed commit');
      }
    }
    return this.#finish({ state: 'failed', reason, committed: true, done: null });
  }

  async #back(from: number, reason: UpgradeReason, failed: StepDone | null): Promise<Outcome> {
    const { journal, context, log } = this.#options;
    this.#tryWrite(() => journal.goBack(reason, failed));
    let ending: Outcome = { state: reason.code === 'cancelled' ? 'cancelled' : 'rolled-back', reason };
    for (let position = from; position >= 0; position -= 1) {
      const step = this.#steps[position] as Step;
      let succeeded = true;
      try {
        await step.undo(context);
      } catch (error) {
        succeeded = false;
        log.error({ err: error, step: step.name }, 'undo failed');
        const why = await explain(error, step.name, context);
        if (ending.state !== 'failed') ending = { state: 'failed', reason: this.#undoReason(why, reason) };
      }
      this.#tryWrite(() => journal.undone(position, step, succeeded));
    }
    journal.guestResumed();
    if (ending.state !== 'failed' && (context.source === null || context.source.hasEnded)) {
      ending = { state: 'failed', reason: { ...reason, ...this.#sourceGone(reason) } };
    }
    return this.#finish({ ...ending, committed: false, done: null });
  }

  #sourceGone(first: UpgradeReason): Partial<UpgradeReason> {
    if (first.code === 'machine_stopped' || first.code === 'source_died') return {};
    const message = `${first.message}; the VMM that ran the guest has ended`;
    return { code: 'source_died', message, remedy: UPGRADE_REASONS.source_died };
  }

  /** The first cause stays readable beside what made the way back fail. */
  #undoReason(why: UpgradeReason, first: UpgradeReason): UpgradeReason {
    const code =
      why.code === 'source_died' || why.code === 'machine_stopped' ? why.code : 'source_not_resumed';
    return {
      ...first,
      code,
      message: `${first.message}; then: ${why.message}`,
      remedy: UPGRADE_REASONS[code],
    };
  }

  async #finish(end: JournalEnd): Promise<Outcome> {
    const { journal, log, writeEnd, context } = this.#options;
    const { state, reason } = end;
    const outcome: Outcome = { state, reason };
    context.sourceEvents?.close();
    context.targetEvents?.close();
    for (;;) {
      try {
        journal.finish(end, () => writeEnd(outcome));
        log.info({ state, code: reason?.code ?? null }, 'upgrade ended');
        return outcome;
      } catch (error) {
        log.error({ err: error, state }, 'the end of the upgrade could not be written, trying again');
        await delay(STORE_RETRY_MS);
      }
    }
  }

  #pauseUs(): number | null {
    const { stopAtUs, resumeAtUs } = this.#options.context;
    if (stopAtUs.value === null || resumeAtUs.value === null) return null;
    return resumeAtUs.value - stopAtUs.value;
  }

  #throwIfCancelled(): void {
    if (this.#options.cancel.aborted) throw new UpgradeError('cancelled', 'it was cancelled');
  }

  /** On the way back the acts come first: a store that fails must not keep the source from running. */
  #tryWrite(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#options.log.error({ err: error }, 'the journal could not be written');
    }
  }
}
