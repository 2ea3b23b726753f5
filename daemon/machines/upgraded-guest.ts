/**
 * What an upgrade asks of its guest. Each act is written down before it and after it, with how it went, so that a
 * daemon that takes the upgrade up knows what the guest may have been told. An agent that did not answer before the
 * pause is not asked again after it, unless it may be frozen.
 */
import type { Logger } from 'pino';
import { messageOf } from '../errors.js';
import { type AgentClient, withAgent } from '../guest-agent/agent-client.js';
import { giveNotice, type Notice } from '../guest-agent/notice.js';
import type { RunningInstance } from '../instance/running-instance.js';
import type { Store } from '../store/store.js';
import type { JournalObserver } from '../upgrade/journal.js';
import type { UpgradedGuest } from '../upgrade/step.js';
import type { GuestAct, Upgrade, UpgradeGuest, UpgradeMode } from '../upgrade.js';
import type { FrozenGuest } from './frozen-guest.js';

/** An upgrade ends before that, or its guest stands still. */
const MAX_FREEZE_MS = 120_000;
/** After the pause nobody waits for the agent. */
const ANSWER_AFTER_MS = 5_000;
/** For what is asked when it has answered. */
const ACT_AFTER_MS = 10_000;
const MAX_DETAIL_CHARACTERS = 300;
const MIB_PER_MS = 0.25;
/** Before a machine was moved for the first time; where its memory goes through a file, beside the time for that. */
const EXPECTED_PAUSE_MS: Readonly<Record<UpgradeMode, number>> = {
  'cpr-transfer': 10,
  'cpr-exec': 200,
  'cpr-reboot': 1_000,
};

export interface UpgradedGuestOptions {
  readonly store: Store;
  readonly frozen: FrozenGuest;
  readonly memoryMiB: number;
  readonly log: Logger;
  /** How long the agent may take to answer, and the program of the guest to end; undefined: they say. */
  readonly answerMs: number | undefined;
  readonly noticeMs: number | undefined;
  /** Told of the moments before and after an act at which the daemon could die. */
  readonly observer: JournalObserver;
  /** Another one when preflight has chosen its mode. */
  readonly upgrade: () => Upgrade;
}

type Act = GuestAct['act'];
type Done = Pick<GuestAct, 'result' | 'detail'>;

const DONE: Done = { result: 'done', detail: null };

function skipped(detail: string): Done {
  return { result: 'skipped', detail };
}

export class AgentOfUpgrade implements UpgradedGuest {
  readonly #options: UpgradedGuestOptions;

  constructor(options: UpgradedGuestOptions) {
    this.#options = options;
  }

  async prepare(source: RunningInstance, signal: AbortSignal): Promise<void> {
    const { upgrade, answerMs } = this.#options;
    const { wasRunning, guest } = upgrade();
    const wished: Act[] = [
      ...(guest.notify ? (['notice-before'] as const) : []),
      ...(guest.freeze ? (['freeze'] as const) : []),
    ];
    if (wished.length === 0) return;
    if (!wasRunning) {
      for (const act of wished) this.#write(act, skipped('the guest is paused'));
      return;
    }
    const left = new Set(wished);
    try {
      await withAgent(source.paths.agent, { signal, answerMs }, async (agent) => {
        for (const act of wished) {
          left.delete(act);
          await this.#act(act, signal, () =>
            act === 'freeze' ? this.#freeze(agent, signal) : this.#notice(agent, null, signal),
          );
        }
      });
    } catch (error) {
      signal.throwIfAborted();
      for (const act of left) this.#write(act, failed(error));
    }
  }

  async thaw(instance: RunningInstance): Promise<void> {
    const { frozen, upgrade } = this.#options;
    if (frozen.freeze?.upgradeId !== upgrade().id) return;
    await this.#after(instance, 'thaw', async (agent, signal) => {
      await frozen.end(agent, signal);
      return DONE;
    });
    frozen.makeDue();
  }

  async tell(instance: RunningInstance, outcome: 'moved' | 'stayed'): Promise<void> {
    const { acts } = this.#guest;
    const before = acts.findLast(({ act }) => act === 'notice-before');
    const isTold = before !== undefined && (before.result === null || hasBegun(before));
    if (!isTold || acts.some(({ act, result }) => act === 'notice-after' && result !== null)) return;
    await this.#after(instance, 'notice-after', (agent, signal) => this.#notice(agent, outcome, signal));
  }

  /** The guest goes on, whatever becomes of it. */
  async #after(
    { paths, gone }: RunningInstance,
    act: Act,
    work: (agent: AgentClient, signal: AbortSignal) => Promise<Done>,
  ): Promise<void> {
    const answerMs = Math.max(ANSWER_AFTER_MS, this.#options.answerMs ?? 0);
    const signal = AbortSignal.any([gone, AbortSignal.timeout(answerMs + ACT_AFTER_MS)]);
    await this.#act(act, signal, () =>
      withAgent(paths.agent, { signal, answerMs }, (agent) => work(agent, signal)),
    );
  }

  async #act(act: Act, signal: AbortSignal, work: () => Promise<Done>): Promise<void> {
    const startedAtMs = performance.now();
    const { observer } = this.#options;
    this.#write(act, { result: null, detail: null });
    observer(`asking:${act}`);
    let done: Done;
    try {
      done = await work();
    } catch (error) {
      done = failed(error);
    }
    observer(`asked:${act}`);
    this.#write(act, done, Math.round(performance.now() - startedAtMs));
    if (act === 'notice-before' || act === 'freeze') signal.throwIfAborted();
  }

  async #freeze(agent: AgentClient, signal: AbortSignal): Promise<Done> {
    const { frozen, upgrade } = this.#options;
    if (frozen.freeze !== null) return skipped('it is frozen already, as somebody asked for');
    await frozen.begin(agent, { maxMs: MAX_FREEZE_MS, upgradeId: upgrade().id }, signal);
    return DONE;
  }

  async #notice(agent: AgentClient, outcome: Notice['outcome'], signal: AbortSignal): Promise<Done> {
    const { noticeMs, upgrade } = this.#options;
    const { id, guest, sourceBuild, targetBuild, mode } = upgrade();
    const reason = guest.reason ?? `from ${sourceBuild} to ${targetBuild} by ${mode}`;
    const notice = { upgradeId: id, pauseMs: this.#pauseMs(outcome), reason, outcome };
    return (await giveNotice(agent, notice, { signal, deadlineMs: noticeMs }))
      ? DONE
      : skipped('the guest has no program for notices');
  }

  /** That of this upgrade when it is over, else that of the last one; rounded up. */
  #pauseMs(outcome: Notice['outcome']): number {
    const { store, memoryMiB, upgrade } = this.#options;
    const { id, machineId, mode } = upgrade();
    const pauseUs = outcome === null ? null : (store.upgrades.byId(id)?.pauseUs ?? null);
    const knownUs = pauseUs ?? store.upgrades.lastPauseUs(machineId, mode);
    if (knownUs !== null) return Math.ceil(knownUs / 1_000);
    return EXPECTED_PAUSE_MS[mode] + (mode === 'cpr-reboot' ? Math.ceil(memoryMiB / MIB_PER_MS) : 0);
  }

  get #guest(): UpgradeGuest {
    const { store, upgrade } = this.#options;
    const { id, guest } = upgrade();
    return store.upgrades.byId(id)?.guest ?? guest;
  }

  /** The second time that an act is written is how it went. A store that does not take it changes nothing. */
  #write(act: Act, { result, detail }: Done, durationMs: number | null = null): void {
    const { store, upgrade, log } = this.#options;
    const { id, machineId } = upgrade();
    try {
      const guest = this.#guest;
      const begun = guest.acts.findLast((one) => one.act === act && one.result === null);
      const entry: GuestAct = { act, result, detail, atMs: begun?.atMs ?? Date.now(), durationMs };
      const acts = [...guest.acts.filter((one) => one !== begun), entry];
      store.durably(() => {
        store.upgrades.setGuest(id, { ...guest, acts });
        if (result === null) return;
        const data = { upgrade: id, act, result, detail };
        store.emit({ type: 'baton.upgrade.guest-asked', subject: `machines/${machineId}`, data });
      });
    } catch (error) {
      log.error({ err: error, act }, 'what the guest was asked for could not be written');
    }
  }
}

/** A program that did not end, or ended badly, may have done something all the same. */
function hasBegun({ result, durationMs }: GuestAct): boolean {
  return result !== 'skipped' && durationMs !== null;
}

function failed(error: unknown): Done {
  return { result: 'failed', detail: messageOf(error).slice(0, MAX_DETAIL_CHARACTERS) };
}
