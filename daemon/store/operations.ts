/** Operations in the store; the finished ones are kept up to a number. */
import type { Database, Statement } from 'better-sqlite3';
import { type Principal, principalOf } from '../access/principal.js';
import { currentRequester } from '../access/requester.js';
import type { ProblemBody } from '../errors.js';
import type { Operation, OperationKind, OperationState } from '../operation.js';

interface Row {
  readonly id: string;
  readonly kind: OperationKind;
  readonly machine_id: string;
  readonly state: OperationState;
  readonly requester: string;
  readonly error: string | null;
  readonly created_at_ms: number;
  readonly finished_at_ms: number | null;
}

function toOperation(row: Row): Operation {
  return {
    id: row.id,
    kind: row.kind,
    machineId: row.machine_id,
    state: row.state,
    requester: JSON.parse(row.requester) as Principal,
    error: row.error === null ? null : (JSON.parse(row.error) as ProblemBody),
    createdAtMs: row.created_at_ms,
    finishedAtMs: row.finished_at_ms,
  };
}

export class OperationStore {
  readonly #nowMs: () => number;
  readonly #keep: number;
  readonly #insert: Statement<[string, OperationKind, string, string, number]>;
  readonly #finish: Statement<[OperationState, string | null, number, string]>;
  readonly #byId: Statement<[string], Row>;
  readonly #recent: Statement<[number], Row>;
  readonly #running: Statement<[], Row>;
  readonly #runningOf: Statement<[string], Row>;
  readonly #prune: Statement<[number]>;

  constructor(db: Database, nowMs: () => number, keep: number) {
    this.#nowMs = nowMs;
    this.#keep = keep;
    this.#insert = db.prepare(
      `INSERT INTO operations (id, kind, machine_id, requester, state, created_at_ms)
         VALUES (?, ?, ?, ?, 'running', ?)`,
    );
    this.#finish = db.prepare(
      `UPDATE operations SET state = ?, error = ?, finished_at_ms = ? WHERE id = ? AND state = 'running'`,
    );
    this.#byId = db.prepare('SELECT * FROM operations WHERE id = ?');
    this.#recent = db.prepare('SELECT * FROM operations ORDER BY created_at_ms DESC, rowid DESC LIMIT ?');
    this.#running = db.prepare(`SELECT * FROM operations WHERE state = 'running' ORDER BY created_at_ms`);
    this.#runningOf = db.prepare(
      `SELECT * FROM operations WHERE machine_id = ? AND state = 'running' ORDER BY rowid DESC LIMIT 1`,
    );
    this.#prune = db.prepare(
      `DELETE FROM operations WHERE state <> 'running' AND rowid <=
         (SELECT rowid FROM operations ORDER BY rowid DESC LIMIT 1 OFFSET ?)`,
    );
  }

  /** It is the one's who asks now. */
  insert({ id, kind, machineId }: Pick<Operation, 'id' | 'kind' | 'machineId'>): Operation {
    const requester = JSON.stringify(principalOf(currentRequester()));
    this.#insert.run(id, kind, machineId, requester, this.#nowMs());
    return this.#existing(id);
  }

  finish(id: string, state: Exclude<OperationState, 'running'>, error: ProblemBody | null): Operation {
    this.#finish.run(state, error === null ? null : JSON.stringify(error), this.#nowMs(), id);
    return this.#existing(id);
  }

  byId(id: string): Operation | null {
    const row = this.#byId.get(id);
    return row === undefined ? null : toOperation(row);
  }

  /** Newest first. */
  recent(limit: number): Operation[] {
    return this.#recent.all(limit).map(toOperation);
  }

  running(): Operation[] {
    return this.#running.all().map(toOperation);
  }

  /** The one under way on a machine; the newest, while a kill breaks into another. */
  runningOf(machineId: string): Operation | null {
    const row = this.#runningOf.get(machineId);
    return row === undefined ? null : toOperation(row);
  }

  prune(): void {
    this.#prune.run(this.#keep);
  }

  #existing(id: string): Operation {
    const operation = this.byId(id);
    if (operation === null) throw new Error(`operation ${id} is not in the store`);
    return operation;
  }
}
