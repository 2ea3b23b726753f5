/** Counts upgrades from the events that tell of them, and what the store then knows of each. Never throws. */
import type { Logger } from 'pino';
import type { StoredEvent } from '../event.js';
import type { Store } from '../store/store.js';
import { stepsOf } from '../upgrade/modes.js';
import { isTerminal, type Upgrade, type UpgradeState } from '../upgrade.js';
import type { Metrics } from './metrics.js';

const US_PER_S = 1e6;
const MS_PER_S = 1e3;

export class UpgradeMetrics {
  readonly #store: Pick<Store, 'upgrades'>;
  readonly #metrics: Metrics;
  readonly #log: Logger;

  constructor(store: Pick<Store, 'upgrades'>, metrics: Metrics, log: Logger) {
    this.#store = store;
    this.#metrics = metrics;
    this.#log = log;
  }

  readonly take = (events: readonly StoredEvent[]): void => {
    try {
      for (const event of events) this.#count(event);
    } catch (error) {
      this.#log.warn({ err: error }, 'an upgrade could not be counted');
    }
  };

  #count(event: StoredEvent): void {
    if (event.type !== 'baton.upgrade.state-changed') return;
    const { state, from, upgrade: id } = event.data;
    if (state === 'rolling-back') this.#metrics.rollbacks.inc({ stage: from });
    if (!isTerminal(state)) return;
    const upgrade = this.#store.upgrades.byId(id);
    if (upgrade !== null) this.#countEnd(upgrade);
  }

  #countEnd(upgrade: Upgrade): void {
    const { upgrades, upgradeDuration, guestPause, preflightFindings } = this.#metrics;
    const { mode, state, reason, pauseUs, findings, createdAtMs, finishedAtMs } = upgrade;
    upgrades.inc({ mode, result: state, reason: reason?.code ?? 'none' });
    if (pauseUs !== null) guestPause.observe({ mode }, pauseUs / US_PER_S);
    for (const { severity, code } of findings) preflightFindings.inc({ severity, code });
    for (const [phase, us] of phasesOf(upgrade)) upgradeDuration.observe({ mode, phase }, us / US_PER_S);
    if (finishedAtMs !== null) {
      upgradeDuration.observe({ mode, phase: 'whole' }, (finishedAtMs - createdAtMs) / MS_PER_S);
    }
  }
}

/** A phase is all steps that are in it. */
function phasesOf({ mode, steps }: Upgrade): Map<UpgradeState, number> {
  const phaseOf = new Map(stepsOf(mode).map(({ name, state }) => [name, state]));
  const phases = new Map<UpgradeState, number>();
  for (const { name, durationUs } of steps) {
    const phase = phaseOf.get(name);
    if (phase === undefined || durationUs === null) continue;
    phases.set(phase, (phases.get(phase) ?? 0) + durationUs);
  }
  return phases;
}
