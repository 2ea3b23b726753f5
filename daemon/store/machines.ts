/** Machines in the store. */
import { isDeepStrictEqual } from 'node:util';
import type { Database, Statement } from 'better-sqlite3';
import { DEFAULT_HARDWARE } from '../hardware.js';
import {
  type AdoptedLine,
  DEFAULT_HOST_POLICY,
  type DesiredPower,
  type GuestFreeze,
  type Labels,
  type Machine,
  type MachineBuilds,
  type MachineFilter,
  type MachineOverview,
  type MachineSpec,
  type MachineState,
  type SavedState,
} from '../machine.js';
import type { Page, PageRequest } from '../page.js';
import { type FilterValue, oneOf, PagedSelect, where } from './paged-select.js';

interface Row {
  readonly id: string;
  readonly name: string;
  readonly revision: number;
  readonly labels: string;
  readonly spec: string;
  readonly builds: string;
  readonly adopted: string | null;
  readonly desired_power: DesiredPower;
  readonly state: MachineState;
  readonly state_reason: string;
  readonly current_generation: number | null;
  readonly saved_state: string | null;
  readonly freeze: string | null;
  readonly before_shutdown: DesiredPower | null;
  readonly created_at_ms: number;
  readonly updated_at_ms: number;
}

interface OverviewRow extends Row {
  readonly page_key: number;
  readonly build_id: string | null;
  readonly is_outdated: number;
  readonly operation_id: string | null;
}

/** `@own`: the build that a machine starts on of which nothing else is said; null: there is none. */
const IS_OUTDATED = `(coalesce(instances.state, 'gone') <> 'gone' AND (running.file_state <> 'as-registered'
  OR build_id <> coalesce(builds ->> 'pin', builds ->> 'default', @own)))`;

const HAS_LABELS = `NOT EXISTS (SELECT 1 FROM json_each(@labels) AS wanted WHERE NOT EXISTS (
    SELECT 1 FROM json_each(machines.labels) AS had
    WHERE had.key = wanted.key AND (wanted.value IS NULL OR had.value = wanted.value)))`;

const OF_MACHINES = `FROM machines
  LEFT JOIN instances ON instances.machine_id = machines.id AND generation = current_generation
  LEFT JOIN builds AS running ON running.id = build_id`;

const OVERVIEW = `SELECT machines.rowid AS page_key, machines.*, build_id, ${IS_OUTDATED} AS is_outdated,
    (SELECT id FROM operations INDEXED BY operations_running WHERE machine_id = machines.id AND operations.state = 'running'
     ORDER BY operations.rowid DESC LIMIT 1) AS operation_id
  ${OF_MACHINES}`;

export interface InventoryCount {
  readonly state: MachineState;
  /** Kind of the build of the current instance; `none`: there was none. */
  readonly vmm: string;
  readonly count: number;
  readonly outdated: number;
}

function toOverview(row: OverviewRow): MachineOverview {
  return {
    machine: toMachine(row),
    build: row.build_id,
    isOutdated: row.is_outdated === 1,
    operationId: row.operation_id,
  };
}

function toMachine(row: Row): Machine {
  return {
    id: row.id,
    name: row.name,
    revision: row.revision,
    labels: JSON.parse(row.labels) as Labels,
    spec: { ...DEFAULT_HARDWARE, ...DEFAULT_HOST_POLICY, ...(JSON.parse(row.spec) as MachineSpec) },
    builds: JSON.parse(row.builds) as MachineBuilds,
    adopted: row.adopted === null ? null : (JSON.parse(row.adopted) as AdoptedLine),
    desiredPower: row.desired_power,
    state: row.state,
    stateReason: row.state_reason,
    currentGeneration: row.current_generation,
    savedState: row.saved_state === null ? null : (JSON.parse(row.saved_state) as SavedState),
    freeze: row.freeze === null ? null : (JSON.parse(row.freeze) as GuestFreeze),
    beforeShutdown: row.before_shutdown,
    createdAtMs: row.created_at_ms,
    updatedAtMs: row.updated_at_ms,
  };
}

export type MachineChange = Partial<Omit<Machine, 'id' | 'revision' | 'createdAtMs' | 'updatedAtMs'>>;

/** What the revision is of. */
const DOCUMENT = ['name', 'labels', 'spec', 'builds'] as const;

type NewRow = Pick<Machine, 'id' | 'name' | 'spec' | 'builds'> & { readonly labels?: Labels };

interface MemoryUse {
  readonly machines: number;
  /** Of machines that have a process. */
  readonly runningMemoryMiB: number;
  readonly largestMemoryMiB: number;
}

export class MachineStore {
  readonly #nowMs: () => number;
  readonly #insert: Statement<[string, string, string, string, string, number, number]>;
  readonly #update: Statement<[Record<string, string | number | null>]>;
  readonly #delete: Statement<[string]>;
  readonly #byId: Statement<[string], Row>;
  readonly #byName: Statement<[string], Row>;
  readonly #byShortId: Statement<[string], Row>;
  readonly #all: Statement<[], Row>;
  readonly #memoryUse: Statement<[], MemoryUse>;
  readonly #overview: Statement<[{ id: string; own: string | null }], OverviewRow>;
  readonly #pages: PagedSelect<OverviewRow, Record<keyof MachineFilter, FilterValue>>;
  readonly #inventory: Statement<[{ own: string | null }], InventoryCount>;
  readonly #counts: Statement<[], { state: MachineState; count: number }>;

  constructor(db: Database, nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#insert = db.prepare(
      `INSERT INTO machines (id, name, labels, spec, builds, desired_power, state, state_reason, created_at_ms, updated_at_ms)
       VALUES (?, ?, ?, ?, ?, 'stopped', 'stopped', 'created', ?, ?)`,
    );
    this.#update = db.prepare(
      `UPDATE machines SET
         revision = revision + @revisions,
         name = @name, labels = @labels, spec = @spec, builds = @builds, adopted = @adoptedText, desired_power = @desiredPower,
         state = @state, state_reason = @stateReason, current_generation = @currentGeneration,
         saved_state = @savedStateText, freeze = @freezeText,
         before_shutdown = @beforeShutdown,
         updated_at_ms = @nowMs
       WHERE id = @id`,
    );
    this.#delete = db.prepare('DELETE FROM machines WHERE id = ?');
    this.#byId = db.prepare('SELECT * FROM machines WHERE id = ?');
    this.#byName = db.prepare('SELECT * FROM machines WHERE name = ?');
    this.#byShortId = db.prepare('SELECT * FROM machines WHERE substr(id, 1, 8) = ?');
    this.#all = db.prepare('SELECT * FROM machines ORDER BY created_at_ms, id');
    this.#memoryUse = db.prepare(
      `SELECT count(*) AS machines, coalesce(max(spec ->> 'memoryMiB'), 0) AS largestMemoryMiB,
         coalesce(sum(CASE WHEN state NOT IN ('stopped', 'suspended', 'crashed') THEN spec ->> 'memoryMiB' END), 0)
           AS runningMemoryMiB
       FROM machines`,
    );
    this.#overview = db.prepare(`${OVERVIEW} WHERE machines.id = @id`);
    this.#pages = new PagedSelect(db, {
      select: OVERVIEW,
      key: 'machines.rowid',
      conditions: {
        name: (_, name) =>
          String(name).includes('*') ? '+machines.name GLOB @name' : 'machines.name = @name',
        state: oneOf('machines.state'),
        build: where('build_id = @build'),
        outdated: where(`${IS_OUTDATED} = @outdated`),
        labels: where(HAS_LABELS),
        visible: oneOf('machines.id'),
      },
    });
    this.#inventory = db.prepare(
      `SELECT machines.state, coalesce(running.kind, 'none') AS vmm, count(*) AS count, sum(${IS_OUTDATED}) AS outdated
       ${OF_MACHINES} GROUP BY machines.state, running.kind`,
    );
    this.#counts = db.prepare('SELECT state, count(*) AS count FROM machines GROUP BY state');
  }

  insert({ id, name, labels = {}, spec, builds }: NewRow): Machine {
    const nowMs = this.#nowMs();
    const texts = [labels, spec, builds].map((value) => JSON.stringify(value)) as [string, string, string];
    this.#insert.run(id, name, ...texts, nowMs, nowMs);
    return this.#existing(id);
  }

  update(id: string, change: MachineChange): Machine {
    const before = this.#existing(id);
    const next = { ...before, ...change };
    const { savedState, adopted, freeze, ...rest } = next;
    const texts = {
      labels: JSON.stringify(next.labels),
      spec: JSON.stringify(next.spec),
      builds: JSON.stringify(next.builds),
      adoptedText: adopted === null ? null : JSON.stringify(adopted),
      freezeText: freeze === null ? null : JSON.stringify(freeze),
      savedStateText: savedState === null ? null : JSON.stringify(savedState),
    };
    const revisions = Number(DOCUMENT.some((name) => !isDeepStrictEqual(next[name], before[name])));
    this.#update.run({ ...rest, ...texts, revisions, nowMs: this.#nowMs() });
    return this.#existing(id);
  }

  delete(id: string): void {
    this.#delete.run(id);
  }

  byId(id: string): Machine | null {
    const row = this.#byId.get(id);
    return row === undefined ? null : toMachine(row);
  }

  byName(name: string): Machine | null {
    const row = this.#byName.get(name);
    return row === undefined ? null : toMachine(row);
  }

  byShortId(shortId: string): Machine | null {
    const row = this.#byShortId.get(shortId);
    return row === undefined ? null : toMachine(row);
  }

  /** States that no machine is in are left out. */
  countsByState(): ReadonlyMap<MachineState, number> {
    return new Map(this.#counts.all().map(({ state, count }) => [state, count]));
  }

  /** How many are what. `own`: as of `overview`. */
  inventory(own: string | null): readonly InventoryCount[] {
    return this.#inventory.all({ own });
  }

  all(): Machine[] {
    return this.#all.all().map(toMachine);
  }

  /** `own`: id of the build that a machine starts on of which nothing else is said. */
  overview(id: string, own: string | null): MachineOverview | null {
    const row = this.#overview.get({ id, own });
    return row === undefined ? null : toOverview(row);
  }

  /** Oldest first. */
  page(request: PageRequest, filter: MachineFilter, own: string | null): Page<MachineOverview> {
    const outdated = filter.outdated === null ? null : Number(filter.outdated);
    const labels = filter.labels === null ? null : JSON.stringify(filter.labels);
    const { items, next } = this.#pages.page(request, { ...filter, outdated, labels }, { own });
    return { items: items.map(toOverview), next };
  }

  memoryUse(): MemoryUse {
    return this.#memoryUse.get() as MemoryUse;
  }

  #existing(id: string): Machine {
    const machine = this.byId(id);
    if (machine === null) throw new Error(`machine ${id} is not in the store`);
    return machine;
  }
}
