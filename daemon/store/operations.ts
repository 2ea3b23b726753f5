/** Operations in the store; the finished ones are kept up to a number. */
import type { Database, Statement } from 'better-sqlite3';
import { type Principal, principalOf } from '../access/principal.js';
import { currentRequester } from '../access/requester.js';
import type { ProblemBody } from '../errors.js';
import type { Operation, OperationFilter, OperationKind, OperationState } from '../operation.js';
import type { Page, PageRequest } from '../page.js';
import type { UpgradeState } from '../upgrade.js';
import { oneOf, PagedSelect, where } from './paged-select.js';

interface Row {
  readonly page_key: number;
  readonly id: string;
  readonly kind: OperationKind;
  readonly machine_id: string;
  readonly state: OperationState;
  readonly requester: string;
  readonly error: string | null;
  readonly created_at_ms: number;
  readonly finished_at_ms: number | null;
  /** Of an upgrade. */
  readonly upgrade_state: UpgradeState | null;
  readonly committed: number | null;
}

const selectFrom = (operations: string) =>
  `SELECT operations.rowid AS page_key, operations.*, upgrades.state AS upgrade_state, committed
   FROM ${operations} LEFT JOIN upgrades ON upgrades.id = operations.id`;
const SELECT = selectFrom('operations');

function toOperation(row: Row): Operation {
  return {
    id: row.id,
    kind: row.kind,
    machineId: row.machine_id,
    state: row.state,
    requester: JSON.parse(row.requester) as Principal,
    error: row.error === null ? null : (JSON.parse(row.error) as ProblemBody),
    upgrade: row.upgrade_state === null ? null : { state: row.upgrade_state, committed: row.committed === 1 },
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
  readonly #pages: PagedSelect<Row, OperationFilter>;
  readonly #running: Statement<[], Row>;
  readonly #runningOf: Statement<[string], Row>;
  readonly #counts: Statement<[], { state: OperationState; count: number }>;
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
    this.#byId = db.prepare(`${SELECT} WHERE operations.id = ?`);
    this.#pages = new PagedSelect(db, {
      select: SELECT,
      key: 'operations.rowid',
      newestFirst: true,
      conditions: {
        machine: where('operations.machine_id = @machine'),
        state: oneOf('operations.state', 'machine'),
        kind: oneOf('kind', 'machine'),
        visible: oneOf('operations.machine_id'),
      },
    });
    this.#running = db.prepare(
      `${SELECT} WHERE operations.state = 'running' ORDER BY operations.created_at_ms`,
    );
    this.#runningOf = db.prepare(
      `${selectFrom('operations INDEXED BY operations_running')}
       WHERE operations.machine_id = ? AND operations.state = 'running' ORDER BY operations.rowid DESC LIMIT 1`,
    );
    this.#counts = db.prepare('SELECT state, count(*) AS count FROM operations GROUP BY state');
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
  page(request: PageRequest, filter: OperationFilter): Page<Operation> {
    const { items, next } = this.#pages.page(request, filter);
    return { items: items.map(toOperation), next };
  }

  running(): Operation[] {
    return this.#running.all().map(toOperation);
  }

  /** The one under way on a machine; the newest, while a kill breaks into another. */
  runningOf(machineId: string): Operation | null {
    const row = this.#runningOf.get(machineId);
    return row === undefined ? null : toOperation(row);
  }

  /** States that none is in are left out. */
  countsByState(): ReadonlyMap<OperationState, number> {
    return new Map(this.#counts.all().map(({ state, count }) => [state, count]));
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
