/** Instances in the store. A row is written before its process is started and never removed with it. */
import type { Database, Statement } from 'better-sqlite3';
import type { Instance, InstanceState, ProcessIdentity } from '../instance.js';
import type { Page, PageRequest } from '../page.js';
import { oneOf, PagedSelect, where } from './paged-select.js';

interface Row {
  readonly machine_id: string;
  readonly generation: number;
  readonly build_id: string;
  readonly sockets_dir: string;
  readonly logs_dir: string;
  readonly state: InstanceState;
  readonly pid: number | null;
  readonly start_ticks: number | null;
  readonly boot_id: string | null;
  readonly exit_code: number | null;
  readonly exit_signal: string | null;
  readonly end_reason: string | null;
  readonly started_at_ms: number;
  readonly ended_at_ms: number | null;
}

function toInstance(row: Row): Instance {
  const { pid, start_ticks: startTicks, boot_id: bootId } = row;
  return {
    machineId: row.machine_id,
    generation: row.generation,
    buildId: row.build_id,
    socketsDir: row.sockets_dir,
    logsDir: row.logs_dir,
    state: row.state,
    process: pid === null || startTicks === null || bootId === null ? null : { pid, startTicks, bootId },
    exitCode: row.exit_code,
    exitSignal: row.exit_signal,
    endReason: row.end_reason,
    startedAtMs: row.started_at_ms,
    endedAtMs: row.ended_at_ms,
  };
}

export type NewInstance = Pick<Instance, 'machineId' | 'generation' | 'buildId' | 'socketsDir' | 'logsDir'>;

interface InstanceFilter {
  readonly machine: string;
  /** Null: any. */
  readonly state: readonly string[] | null;
}

export interface InstanceEnd {
  readonly exitCode: number | null;
  readonly exitSignal: string | null;
  readonly reason: string;
}

export class InstanceStore {
  readonly #nowMs: () => number;
  readonly #insert: Statement<unknown[]>;
  readonly #setAlive: Statement<[number, number, string, string, number]>;
  readonly #setGone: Statement<[number | null, string | null, string, number, string, number]>;
  readonly #one: Statement<[string, number], Row>;
  readonly #ofMachine: Statement<[string], Row>;
  readonly #notGone: Statement<[], Row>;
  readonly #pages: PagedSelect<Row & { readonly page_key: number }, InstanceFilter>;
  readonly #last: Statement<[string], { generation: number | null }>;

  constructor(db: Database, nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#insert = db.prepare(
      `INSERT INTO instances
         (machine_id, generation, build_id, sockets_dir, logs_dir, state, started_at_ms, pid, start_ticks, boot_id)
       VALUES (?, ?, ?, ?, ?, 'starting', ?, ?, ?, ?)`,
    );
    this.#setAlive = db.prepare(
      `UPDATE instances SET state = 'alive', pid = ?, start_ticks = ?, boot_id = ?
       WHERE machine_id = ? AND generation = ? AND state = 'starting'`,
    );
    this.#setGone = db.prepare(
      `UPDATE instances SET state = 'gone', exit_code = ?, exit_signal = ?, end_reason = ?, ended_at_ms = ?
       WHERE machine_id = ? AND generation = ? AND state <> 'gone'`,
    );
    this.#one = db.prepare('SELECT * FROM instances WHERE machine_id = ? AND generation = ?');
    this.#ofMachine = db.prepare('SELECT * FROM instances WHERE machine_id = ? ORDER BY generation');
    this.#notGone = db.prepare(
      `SELECT * FROM instances WHERE state <> 'gone' ORDER BY machine_id, generation`,
    );
    this.#pages = new PagedSelect(db, {
      select: 'SELECT generation AS page_key, * FROM instances',
      key: 'generation',
      conditions: { machine: where('machine_id = @machine'), state: oneOf('+state') },
    });
    this.#last = db.prepare('SELECT max(generation) AS generation FROM instances WHERE machine_id = ?');
  }

  /** `process`: one that is there already and is to run it. */
  insert(instance: NewInstance, process: ProcessIdentity | null = null): void {
    const { machineId, generation, buildId, socketsDir, logsDir } = instance;
    const identity = [process?.pid ?? null, process?.startTicks ?? null, process?.bootId ?? null];
    this.#insert.run(machineId, generation, buildId, socketsDir, logsDir, this.#nowMs(), ...identity);
  }

  setAlive(machineId: string, generation: number, process: ProcessIdentity): void {
    this.#setAlive.run(process.pid, process.startTicks, process.bootId, machineId, generation);
  }

  /** The first end that is recorded stays. Returns whether this one was. */
  setGone(machineId: string, generation: number, end: InstanceEnd): boolean {
    const { exitCode, exitSignal, reason } = end;
    return this.#setGone.run(exitCode, exitSignal, reason, this.#nowMs(), machineId, generation).changes > 0;
  }

  byGeneration(machineId: string, generation: number): Instance | null {
    const row = this.#one.get(machineId, generation);
    return row === undefined ? null : toInstance(row);
  }

  ofMachine(machineId: string): Instance[] {
    return this.#ofMachine.all(machineId).map(toInstance);
  }

  notGone(): Instance[] {
    return this.#notGone.all().map(toInstance);
  }

  /** Oldest first. */
  page(request: PageRequest, filter: InstanceFilter): Page<Instance> {
    const { items, next } = this.#pages.page(request, filter);
    return { items: items.map(toInstance), next };
  }

  nextGeneration(machineId: string): number {
    return (this.#last.get(machineId)?.generation ?? 0) + 1;
  }
}
