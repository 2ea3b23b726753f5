/** Upgrades and their steps: the engine's journal. Which writes are durable is the engine's to say. */
import type { Database, Statement } from 'better-sqlite3';
import type { Page, PageRequest } from '../page.js';
import type { Finding } from '../preflight/finding.js';
import type {
  GuestWishes,
  Upgrade,
  UpgradeFilter,
  UpgradeGuest,
  UpgradeMode,
  UpgradeReason,
  UpgradeState,
  UpgradeStep,
} from '../upgrade.js';
import { oneOf, PagedSelect, where } from './paged-select.js';

interface Row {
  readonly id: string;
  readonly machine_id: string;
  readonly mode: UpgradeMode;
  readonly mode_reason: string;
  readonly state: UpgradeState;
  readonly source_generation: number;
  readonly target_generation: number;
  readonly source_build: string;
  readonly target_build: string;
  readonly was_running: number;
  readonly committed: number;
  readonly cancel_requested: number;
  readonly reason: string | null;
  readonly findings: string;
  readonly guest: string;
  readonly pause_us: number | null;
  readonly restored_generation: number | null;
  readonly created_at_ms: number;
  readonly finished_at_ms: number | null;
}

interface StepRow {
  readonly upgrade_id: string;
  readonly name: string;
  readonly intent_at_ms: number;
  readonly result: UpgradeStep['result'];
  readonly duration_us: number | null;
}

export type NewUpgrade = Pick<
  Upgrade,
  | 'id'
  | 'machineId'
  | 'mode'
  | 'modeReason'
  | 'sourceGeneration'
  | 'targetGeneration'
  | 'sourceBuild'
  | 'targetBuild'
  | 'wasRunning'
> & { readonly guest: GuestWishes };

export type PreflightResult = Pick<Upgrade, 'mode' | 'modeReason' | 'findings'>;

export class UpgradeStore {
  readonly #nowMs: () => number;
  readonly #insert: Statement<unknown[]>;
  readonly #setState: Statement<[UpgradeState, string]>;
  readonly #setCommitted: Statement<[number, string]>;
  readonly #requestCancel: Statement<[string]>;
  readonly #setPause: Statement<[number, string]>;
  readonly #setRestored: Statement<[number, string]>;
  readonly #setPreflight: Statement<[UpgradeMode, string, string, string]>;
  readonly #setGuest: Statement<[string, string]>;
  readonly #setReason: Statement<[string, string]>;
  readonly #finish: Statement<[UpgradeState, string | null, number, string]>;
  readonly #intent: Statement<[string, number, string, number]>;
  readonly #result: Statement<[string, number | null, string, number]>;
  readonly #byId: Statement<[string], Row>;
  readonly #pages: PagedSelect<Row & { readonly page_key: number }, UpgradeFilter>;
  readonly #lastPause: Statement<[string, UpgradeMode], { pause_us: number }>;
  readonly #unfinished: Statement<[], Row>;
  readonly #steps: Statement<[string], StepRow>;

  constructor(db: Database, nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#insert = db.prepare(
      `INSERT INTO upgrades (id, machine_id, mode, mode_reason, state, source_generation, target_generation,
         source_build, target_build, was_running, guest, created_at_ms)
       VALUES (?, ?, ?, ?, 'pending', ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#setState = db.prepare('UPDATE upgrades SET state = ? WHERE id = ?');
    this.#setCommitted = db.prepare('UPDATE upgrades SET committed = ? WHERE id = ?');
    this.#requestCancel = db.prepare('UPDATE upgrades SET cancel_requested = 1 WHERE id = ?');
    this.#setPause = db.prepare('UPDATE upgrades SET pause_us = ? WHERE id = ?');
    this.#setRestored = db.prepare('UPDATE upgrades SET restored_generation = ? WHERE id = ?');
    this.#setPreflight = db.prepare(
      'UPDATE upgrades SET mode = ?, mode_reason = ?, findings = ? WHERE id = ?',
    );
    this.#setGuest = db.prepare('UPDATE upgrades SET guest = ? WHERE id = ?');
    this.#setReason = db.prepare('UPDATE upgrades SET reason = ? WHERE id = ?');
    this.#finish = db.prepare('UPDATE upgrades SET state = ?, reason = ?, finished_at_ms = ? WHERE id = ?');
    this.#intent = db.prepare(
      `INSERT INTO upgrade_steps (upgrade_id, position, name, intent_at_ms) VALUES (?, ?, ?, ?)
       ON CONFLICT DO NOTHING`,
    );
    this.#result = db.prepare(
      `UPDATE upgrade_steps SET result = ?, duration_us = coalesce(?, duration_us)
       WHERE upgrade_id = ? AND position = ?`,
    );
    this.#byId = db.prepare('SELECT * FROM upgrades WHERE id = ?');
    this.#pages = new PagedSelect(db, {
      select: 'SELECT rowid AS page_key, * FROM upgrades',
      key: 'rowid',
      newestFirst: true,
      conditions: {
        machine: where('machine_id = @machine'),
        state: oneOf('state', 'machine'),
        mode: oneOf('+mode'),
        build: where('@build IN (source_build, target_build)'),
        visible: oneOf('machine_id'),
      },
    });
    this.#lastPause = db.prepare(
      `SELECT pause_us FROM upgrades WHERE machine_id = ? AND mode = ? AND pause_us IS NOT NULL
       ORDER BY created_at_ms DESC, rowid DESC LIMIT 1`,
    );
    this.#unfinished = db.prepare(
      'SELECT * FROM upgrades WHERE finished_at_ms IS NULL ORDER BY created_at_ms',
    );
    this.#steps = db.prepare(
      `SELECT * FROM upgrade_steps WHERE upgrade_id IN (SELECT value FROM json_each(?))
       ORDER BY upgrade_id, position`,
    );
  }

  insert(upgrade: NewUpgrade): void {
    this.#insert.run(
      upgrade.id,
      upgrade.machineId,
      upgrade.mode,
      upgrade.modeReason,
      upgrade.sourceGeneration,
      upgrade.targetGeneration,
      upgrade.sourceBuild,
      upgrade.targetBuild,
      Number(upgrade.wasRunning),
      JSON.stringify({ ...upgrade.guest, acts: [] }),
      this.#nowMs(),
    );
  }

  setState(id: string, state: UpgradeState): void {
    this.#setState.run(state, id);
  }

  setCommitted(id: string, committed: boolean): void {
    this.#setCommitted.run(Number(committed), id);
  }

  requestCancel(id: string): void {
    this.#requestCancel.run(id);
  }

  setPause(id: string, pauseUs: number): void {
    this.#setPause.run(pauseUs, id);
  }

  setRestored(id: string, generation: number): void {
    this.#setRestored.run(generation, id);
  }

  /** The mode is the upgrade's from here on. */
  setPreflight(id: string, { mode, modeReason, findings }: PreflightResult): void {
    this.#setPreflight.run(mode, modeReason, JSON.stringify(findings), id);
  }

  setGuest(id: string, guest: UpgradeGuest): void {
    this.#setGuest.run(JSON.stringify(guest), id);
  }

  setReason(id: string, reason: UpgradeReason): void {
    this.#setReason.run(JSON.stringify(reason), id);
  }

  finish(id: string, state: UpgradeState, reason: UpgradeReason | null): void {
    this.#finish.run(state, reason === null ? null : JSON.stringify(reason), this.#nowMs(), id);
  }

  recordIntent(id: string, position: number, name: string): void {
    this.#intent.run(id, position, name, this.#nowMs());
  }

  recordResult(
    id: string,
    position: number,
    result: NonNullable<UpgradeStep['result']>,
    durationUs: number | null,
  ): void {
    this.#result.run(result, durationUs === null ? null : Math.round(durationUs), id, position);
  }

  byId(id: string): Upgrade | null {
    const row = this.#byId.get(id);
    return row === undefined ? null : (this.#toUpgrades([row])[0] as Upgrade);
  }

  /** Newest first. */
  page(request: PageRequest, filter: UpgradeFilter): Page<Upgrade> {
    const { items, next } = this.#pages.page(request, filter);
    return { items: this.#toUpgrades(items), next };
  }

  /** Of the machine's newest upgrade in this mode that had one. */
  lastPauseUs(machineId: string, mode: UpgradeMode): number | null {
    return this.#lastPause.get(machineId, mode)?.pause_us ?? null;
  }

  unfinished(): Upgrade[] {
    return this.#toUpgrades(this.#unfinished.all());
  }

  #toUpgrades(rows: readonly Row[]): Upgrade[] {
    const steps = new Map<string, UpgradeStep[]>(rows.map(({ id }) => [id, []]));
    for (const row of this.#steps.all(JSON.stringify([...steps.keys()]))) {
      steps.get(row.upgrade_id)?.push(toStep(row));
    }
    return rows.map((row) => toUpgrade(row, steps.get(row.id) ?? []));
  }
}

function toStep(row: StepRow): UpgradeStep {
  return {
    name: row.name,
    intentAtMs: row.intent_at_ms,
    result: row.result,
    durationUs: row.duration_us,
  };
}

function toUpgrade(row: Row, steps: readonly UpgradeStep[]): Upgrade {
  return {
    id: row.id,
    machineId: row.machine_id,
    mode: row.mode,
    modeReason: row.mode_reason,
    state: row.state,
    sourceGeneration: row.source_generation,
    targetGeneration: row.target_generation,
    sourceBuild: row.source_build,
    targetBuild: row.target_build,
    wasRunning: row.was_running === 1,
    committed: row.committed === 1,
    cancelRequested: row.cancel_requested === 1,
    reason: row.reason === null ? null : (JSON.parse(row.reason) as UpgradeReason),
    findings: JSON.parse(row.findings) as Finding[],
    guest: JSON.parse(row.guest) as UpgradeGuest,
    pauseUs: row.pause_us,
    restoredGeneration: row.restored_generation,
    createdAtMs: row.created_at_ms,
    finishedAtMs: row.finished_at_ms,
    steps,
  };
}
