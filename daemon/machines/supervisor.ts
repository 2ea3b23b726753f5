/** All machines of this host: their actors, how a machine comes to be, and the start and end of the daemon. */
import { BatonError, type ProblemBody, problemBody } from '../errors.js';
import {
  ANY_BUILD,
  type Labels,
  MACHINE_STATES,
  type Machine,
  type MachineSpec,
  type MachineState,
  shortId,
} from '../machine.js';
import type { Operation } from '../operation.js';
import { MachineActor } from './actor.js';
import { type AdoptRequest, adoptMachine } from './adopt.js';
import { requireFreeName, resolveDocument } from './document.js';
import type { Services } from './services.js';

/** A monitor that takes longer is tried again in the background; the others must not wait for it. */
const RECONNECT_DEADLINE_MS = 5_000;
const ID_ATTEMPTS = 8;

export interface NewMachine {
  readonly name: string;
  readonly labels: Labels;
  readonly spec: MachineSpec;
  /** Id of the build that it starts on; null: this installation's own. */
  readonly build: string | null;
}

export interface HostAnswer {
  readonly operations: readonly Operation[];
  readonly refused: readonly { readonly machine: string; readonly problem: ProblemBody }[];
}

export class Supervisor {
  readonly #services: Services;
  readonly #actors = new Map<string, MachineActor>();
  #isStopping = false;

  constructor(services: Services) {
    this.#services = services;
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** Finds again what an earlier daemon left running. */
  async recover(): Promise<void> {
    const machines = this.#services.store.machines.all();
    await Promise.all(
      machines.map(async ({ id }) => {
        const actor = new MachineActor(this.#services, id);
        this.#actors.set(id, actor);
        try {
          await actor.recover(RECONNECT_DEADLINE_MS);
        } catch (error) {
          this.#services.log.error({ err: error, machine: id }, 'a machine could not be taken up');
        }
      }),
    );
  }

  create(asked: NewMachine): Machine {
    const machine = this.#insert(asked);
    this.#actors.set(machine.id, new MachineActor(this.#services, machine.id));
    return machine;
  }

  /** Refused as a creation would be; `look` sees the machine as it would be. Nothing of it stays. */
  tryCreate<T>(asked: NewMachine, look: (machine: Machine) => T): T {
    return this.#services.store.tryOut(() => look(this.#insert(asked)));
  }

  #insert({ name, labels, spec, build }: NewMachine): Machine {
    this.#throwIfStopping();
    const { store } = this.#services;
    const builds = { ...ANY_BUILD, default: build };
    const resolved = resolveDocument(this.#services, builds, spec);
    return store.durably(() => {
      requireFreeName(store, name, null);
      const created = store.machines.insert({ id: this.#freeId(), name, labels, spec: resolved, builds });
      store.idempotency.made(`machines/${created.id}`);
      store.emit({ type: 'baton.machine.created', subject: `machines/${created.id}`, data: { name } });
      return created;
    });
  }

  /** A machine that runs already, under nobody's care. */
  async adopt(request: AdoptRequest): Promise<Machine> {
    this.#throwIfStopping();
    const { id } = await adoptMachine(this.#services, request, this.#freeId());
    const actor = new MachineActor(this.#services, id);
    this.#actors.set(id, actor);
    await actor.recover(RECONNECT_DEADLINE_MS);
    return actor.machine;
  }

  release(idOrName: string): void {
    const actor = this.actor(idOrName);
    actor.letGo();
    this.#actors.delete(actor.id);
  }

  /** By id or by name. */
  machine(idOrName: string): Machine {
    const { machines } = this.#services.store;
    const machine = machines.byId(idOrName) ?? machines.byName(idOrName);
    if (machine === null) {
      throw new BatonError('machine_not_found', `there is no machine with id or name ${idOrName}`);
    }
    return machine;
  }

  /** Of the machine with that id or name. When there is none (any more): what was given. */
  idOf(idOrName: string): string {
    const { machines } = this.#services.store;
    return (machines.byId(idOrName) ?? machines.byName(idOrName))?.id ?? idOrName;
  }

  /** Whoever is asked to act; refused while the daemon stops. */
  actor(idOrName: string): MachineActor {
    this.#throwIfStopping();
    const actor = this.#actors.get(this.machine(idOrName).id);
    if (actor === undefined) throw new BatonError('internal_error', `machine ${idOrName} has no actor`);
    return actor;
  }

  delete(idOrName: string): void {
    const actor = this.actor(idOrName);
    actor.delete();
    this.#actors.delete(actor.id);
  }

  /** Machines without a guest need nothing. */
  suspendAll(): HostAnswer {
    return this.#ofAll(['stopped', 'crashed', 'suspended'], (actor) => actor.suspend());
  }

  /** As the host goes down: each machine as its document says. Asked again it says how far that is. */
  goDown(powerdownMs: number): HostAnswer {
    return this.#ofAll(['stopped', 'crashed', 'suspended'], (actor) => actor.goDown(powerdownMs));
  }

  /** As the host has booted: each machine as its document says. */
  comeUp(): HostAnswer {
    return this.#ofAll([], (actor) => actor.comeUp());
  }

  restoreAll(): HostAnswer {
    const others = MACHINE_STATES.filter((state) => state !== 'suspended');
    return this.#ofAll(others, (actor) => actor.restore(null));
  }

  #ofAll(needNothing: readonly MachineState[], ask: (actor: MachineActor) => Operation | null): HostAnswer {
    const operations: Operation[] = [];
    const refused: { machine: string; problem: ProblemBody }[] = [];
    for (const { id, state } of this.#services.store.machines.all()) {
      if (needNothing.includes(state)) continue;
      try {
        const operation = ask(this.actor(id));
        if (operation !== null) operations.push(operation);
      } catch (error) {
        if (!(error instanceof BatonError) || this.#isStopping) throw error;
        refused.push({ machine: id, problem: problemBody(error) });
      }
    }
    return { operations, refused };
  }

  /** Lets what is under way end, as long as that takes no longer than `deadlineMs`; machines run on. */
  async stop(deadlineMs: number): Promise<void> {
    this.#isStopping = true;
    const actors = [...this.#actors.values()];
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, deadlineMs);
    });
    await Promise.race([Promise.all(actors.map((actor) => actor.idle())), deadline]);
    clearTimeout(timer);
    for (const actor of actors) actor.release();
  }

  #throwIfStopping(): void {
    if (this.#isStopping) throw new BatonError('shutting_down', 'the daemon is stopping: ask again later');
  }

  /** The first eight digits name the runtime folder, so they must differ too. */
  #freeId(): string {
    const { store, newId } = this.#services;
    for (let attempt = 0; attempt < ID_ATTEMPTS; attempt += 1) {
      const id = newId();
      if (store.machines.byShortId(shortId(id)) === null) return id;
    }
    throw new Error(`expected a free machine id within ${ID_ATTEMPTS} attempts`);
  }
}
