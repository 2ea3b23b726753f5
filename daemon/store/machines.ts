/** Machines in the store. */
import type { Database, Statement } from 'better-sqlite3';
import { DEFAULT_HARDWARE } from '../hardware.js';
import type {
  AdoptedLine,
  DesiredPower,
  GuestFreeze,
  Machine,
  MachineBuilds,
  MachineSpec,
  MachineState,
  SavedState,
} from '../machine.js';

interface Row {
  readonly id: string;
  readonly name: string;
  readonly spec: string;
  readonly builds: string;
  readonly adopted: string | null;
  readonly desired_power: DesiredPower;
  readonly state: MachineState;
  readonly state_reason: string;
  readonly current_generation: number | null;
  readonly saved_state: string | null;
  readonly freeze: string | null;
  readonly created_at_ms: number;
  readonly updated_at_ms: number;
}

function toMachine(row: Row): Machine {
  return {
    id: row.id,
    name: row.name,
    spec: { ...DEFAULT_HARDWARE, ...(JSON.parse(row.spec) as MachineSpec) },
    builds: JSON.parse(row.builds) as MachineBuilds,
    adopted: row.adopted === null ? null : (JSON.parse(row.adopted) as AdoptedLine),
    desiredPower: row.desired_power,
    state: row.state,
    stateReason: row.state_reason,
    currentGeneration: row.current_generation,
    savedState: row.saved_state === null ? null : (JSON.parse(row.saved_state) as SavedState),
    freeze: row.freeze === null ? null : (JSON.parse(row.freeze) as GuestFreeze),
    createdAtMs: row.created_at_ms,
    updatedAtMs: row.updated_at_ms,
  };
}

export type MachineChange = Partial<Omit<Machine, 'id' | 'createdAtMs' | 'updatedAtMs'>>;

export class MachineStore {
  readonly #nowMs: () => number;
  readonly #insert: Statement<[string, string, string, string, number, number]>;
  readonly #update: Statement<[Record<string, string | number | null>]>;
  readonly #delete: Statement<[string]>;
  readonly #byId: Statement<[string], Row>;
  readonly #byName: Statement<[string], Row>;
  readonly #byShortId: Statement<[string], Row>;
  readonly #all: Statement<[], Row>;

  constructor(db: Database, nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#insert = db.prepare(
      `INSERT INTO machines (id, name, spec, builds, desired_power, state, state_reason, created_at_ms, updated_at_ms)
       VALUES (?, ?, ?, ?, 'stopped', 'stopped', 'created', ?, ?)`,
    );
    this.#update = db.prepare(
      `UPDATE machines SET name = @name, spec = @spec, builds = @builds, adopted = @adoptedText, desired_power = @desiredPower,
         state = @state, state_reason = @stateReason, current_generation = @currentGeneration,
         saved_state = @savedStateText, freeze = @freezeText,
         updated_at_ms = @nowMs
       WHERE id = @id`,
    );
    this.#delete = db.prepare('DELETE FROM machines WHERE id = ?');
    this.#byId = db.prepare('SELECT * FROM machines WHERE id = ?');
    this.#byName = db.prepare('SELECT * FROM machines WHERE name = ?');
    this.#byShortId = db.prepare('SELECT * FROM machines WHERE substr(id, 1, 8) = ?');
    this.#all = db.prepare('SELECT * FROM machines ORDER BY created_at_ms, id');
  }

  insert({ id, name, spec, builds }: Pick<Machine, 'id' | 'name' | 'spec' | 'builds'>): Machine {
    const nowMs = this.#nowMs();
    this.#insert.run(id, name, JSON.stringify(spec), JSON.stringify(builds), nowMs, nowMs);
    return this.#existing(id);
  }

  update(id: string, change: MachineChange): Machine {
    const next = { ...this.#existing(id), ...change };
    const { savedState, adopted, freeze, ...rest } = next;
    const texts = {
      spec: JSON.stringify(next.spec),
      builds: JSON.stringify(next.builds),
      adoptedText: adopted === null ? null : JSON.stringify(adopted),
      freezeText: freeze === null ? null : JSON.stringify(freeze),
      savedStateText: savedState === null ? null : JSON.stringify(savedState),
    };
    this.#update.run({ ...rest, ...texts, nowMs: this.#nowMs() });
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

  all(): Machine[] {
    return this.#all.all().map(toMachine);
  }

  #existing(id: string): Machine {
    const machine = this.byId(id);
    if (machine === null) throw new Error(`machine ${id} is not in the store`);
    return machine;
  }
}
