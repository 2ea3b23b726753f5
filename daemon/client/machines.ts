/** Machines, and what can be asked of one. A machine is named by its id or its name. */
import type {
  Adoption,
  FrozenGuest,
  Guest,
  Instance,
  Machine,
  MachineBuilds,
  MachineChange,
  NewMachine,
  Operation,
  Preflight,
  PreflightRequest,
  UpgradeRequest,
} from './documents.js';
import { all, collect, type PageQuery, page } from './lists.js';
import type { Requests } from './requests.js';

export interface MachineFilter {
  /** Exact, or with `*`. */
  readonly name?: string;
  /** A list with commas. */
  readonly state?: string;
  readonly build?: string;
  /** `env=production,rack`: those that have these labels. */
  readonly label?: string;
  /** Whether they run another build than they would start on. */
  readonly outdated?: boolean;
}

export interface Precondition {
  /** Of the document that a change was made from: refused if it has changed since. */
  readonly revision?: number;
}

export type PlainAction = 'start' | 'kill' | 'pause' | 'resume' | 'suspend' | 'discard';

const PREFLIGHT_DEADLINE_MS = 200_000;

export class Machines {
  readonly #requests: Requests;

  constructor(requests: Requests) {
    this.#requests = requests;
  }

  page(query: MachineFilter & PageQuery = {}) {
    return page<Machine>(this.#requests, '/v1/machines', 'machines', query);
  }

  list({ limit, ...filter }: MachineFilter & { readonly limit?: number } = {}): AsyncGenerator<Machine> {
    return all((query) => this.page({ ...filter, ...query }), limit);
  }

  get(machine: string): Promise<Machine> {
    return this.#requests.json({ method: 'GET', path: pathOf(machine) });
  }

  /** `dryRun`: says what it would be, and makes nothing. */
  create(body: NewMachine, { dryRun }: { readonly dryRun?: boolean } = {}): Promise<Machine> {
    return this.#requests.json({ method: 'POST', path: '/v1/machines', body, query: { dryRun } });
  }

  change(
    machine: string,
    body: MachineChange,
    { revision, dryRun }: Precondition & { readonly dryRun?: boolean } = {},
  ): Promise<Machine> {
    const headers = precondition({ revision });
    return this.#requests.json({ method: 'PATCH', path: pathOf(machine), body, query: { dryRun }, headers });
  }

  /** What it may run on; what is left out is cleared. */
  setBuilds(machine: string, body: MachineBuilds, { revision }: Precondition = {}): Promise<Machine> {
    const headers = precondition({ revision });
    return this.#requests.json({ method: 'PUT', path: `${pathOf(machine)}/builds`, body, headers });
  }

  /** By its id, also when it is named: repeated after a lost connection, a name could be that of a new machine. */
  async delete(machine: string, { revision }: Precondition = {}): Promise<void> {
    const { id } = await this.get(machine);
    const headers = precondition({ revision });
    await this.#requests.call({ method: 'DELETE', path: pathOf(id), headers, isById: true });
  }

  adopt(body: Adoption): Promise<Machine> {
    return this.#requests.json({ method: 'POST', path: '/v1/machines/adopt', body });
  }

  async release(machine: string): Promise<void> {
    await this.#requests.call({ method: 'POST', path: `${pathOf(machine)}/release` });
  }

  act(machine: string, action: PlainAction): Promise<Operation> {
    return this.#ask(machine, action, {});
  }

  /** `powerdownMs`: how long the guest has to power itself off. */
  stop(machine: string, body: { readonly powerdownMs?: number } = {}): Promise<Operation> {
    return this.#ask(machine, 'stop', body);
  }

  restore(machine: string, body: { readonly build?: string } = {}): Promise<Operation> {
    return this.#ask(machine, 'restore', body);
  }

  upgrade(machine: string, body: UpgradeRequest = {}): Promise<Operation> {
    return this.#ask(machine, 'upgrade', body);
  }

  preflight(machine: string, body: PreflightRequest = {}, signal?: AbortSignal): Promise<Preflight> {
    return this.#requests.json({
      method: 'POST',
      path: `${pathOf(machine)}/preflight`,
      body,
      deadlineMs: PREFLIGHT_DEADLINE_MS,
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /** Oldest first. */
  instances(machine: string): Promise<readonly Instance[]> {
    const path = `${pathOf(machine)}/instances`;
    return collect(all((query) => page<Instance>(this.#requests, path, 'instances', query)));
  }

  /** What the guest wrote to its console while one instance ran it: the end of it. */
  consoleText(machine: string, generation: number): Promise<string> {
    return this.#text(`${pathOf(machine)}/instances/${generation}/console`);
  }

  /** What the VMM process itself wrote. */
  log(machine: string, generation: number): Promise<string> {
    return this.#text(`${pathOf(machine)}/instances/${generation}/log`);
  }

  guest(machine: string): Promise<Guest> {
    return this.#requests.json({ method: 'GET', path: `${pathOf(machine)}/guest` });
  }

  freezeGuest(machine: string, body: { readonly maxMs?: number } = {}): Promise<FrozenGuest> {
    return this.#requests.json({ method: 'POST', path: `${pathOf(machine)}/guest/freeze`, body });
  }

  thawGuest(machine: string): Promise<{ readonly filesystems: number }> {
    return this.#requests.json({ method: 'POST', path: `${pathOf(machine)}/guest/thaw` });
  }

  #ask(machine: string, action: string, body: object): Promise<Operation> {
    return this.#requests.json({ method: 'POST', path: `${pathOf(machine)}/${action}`, body });
  }

  async #text(path: string): Promise<string> {
    const headers = { accept: 'text/plain, application/problem+json' };
    return (await this.#requests.call({ method: 'GET', path, headers })).text;
  }
}

export function pathOf(machine: string): string {
  return `/v1/machines/${encodeURIComponent(machine)}`;
}

function precondition({ revision }: { readonly revision: number | undefined }): Record<string, string> {
  return revision === undefined ? {} : { 'if-match': `"${revision}"` };
}
