/**
 * The client of batond's REST interface, for programs. One method per operation, types from the daemon's own schemas,
 * deadlines everywhere, no dependency but `ws` (loaded when a session is opened).
 *
 *     import { BatonClient } from 'baton/client';
 *
 *     const client = new BatonClient({ host: 'unix:/run/baton/batond.sock' });
 *     const { id } = await client.machines.upgrade('web1', { mode: 'auto' });
 *     const { state } = await client.operations.ended(id, { deadlineMs: 60_000 });
 *     for await (const { seq, type } of client.events.follow({ after: 0 })) console.log(seq, type);
 *     client.close();
 *
 * Posts carry an Idempotency-Key. What is safe to ask again is asked again when the connection breaks; subscriptions
 * and consoles come back where they were. Every rejection is a `ClientError`: `ProblemError` (the daemon refused, with
 * a stable code), `UnreachableError`, `ConnectionLostError` (it may have been done), `DeadlineError`, `ProtocolError`.
 */
import { Builds } from './builds.js';
import { type ConsoleOptions, ConsoleSession } from './console.js';
import { Events } from './events.js';
import { Audit, Host, Tokens } from './host.js';
import { DEFAULT_LOCATION, parseLocation } from './location.js';
import { Machines } from './machines.js';
import { Operations, Upgrades } from './operations.js';
import { type Call, Requests } from './requests.js';
import { type Answer, type Credentials, Transport } from './transport.js';

export type { ConsoleOptions, ConsoleSession } from './console.js';
export type * from './documents.js';
export {
  ClientError,
  ConnectionLostError,
  DeadlineError,
  ProblemError,
  ProtocolError,
  UnreachableError,
} from './errors.js';
export type { EventFilter, FollowOptions } from './events.js';
export type { AuditFilter } from './host.js';
export { collect } from './lists.js';
export { DEFAULT_LOCATION, formatLocation, type Location, LocationError, parseLocation } from './location.js';
export type { MachineFilter, PlainAction } from './machines.js';
export type { OperationFilter, UpgradeFilter } from './operations.js';
export type { Call } from './requests.js';
export type { Answer, Credentials } from './transport.js';

export interface ClientOptions extends Credentials {
  /** `unix:/PATH` or `https://NAME:PORT`; default: the unix socket of an installation. */
  readonly host?: string;
  /** For one request and its answer; default: 30 s. */
  readonly deadlineMs?: number;
  /** For how long a request is repeated when the connection breaks; default: 10 s. */
  readonly retryMs?: number;
  /** Told of every exchange in one line. */
  readonly onExchange?: (line: string) => void;
}

const DEADLINE_MS = 30_000;
const RETRY_MS = 10_000;

export class BatonClient {
  readonly machines: Machines;
  readonly builds: Builds;
  readonly operations: Operations;
  readonly upgrades: Upgrades;
  readonly events: Events;
  readonly host: Host;
  readonly tokens: Tokens;
  readonly audit: Audit;
  readonly #requests: Requests;

  constructor({ host = DEFAULT_LOCATION, deadlineMs, retryMs, onExchange, ...who }: ClientOptions = {}) {
    const requests = new Requests(new Transport(parseLocation(host), who), {
      deadlineMs: deadlineMs ?? DEADLINE_MS,
      retryMs: retryMs ?? RETRY_MS,
      ...(onExchange === undefined ? {} : { onExchange }),
    });
    this.#requests = requests;
    this.machines = new Machines(requests);
    this.builds = new Builds(requests);
    this.operations = new Operations(requests);
    this.upgrades = new Upgrades(requests);
    this.events = new Events(requests);
    this.host = new Host(requests);
    this.tokens = new Tokens(requests);
    this.audit = new Audit(requests);
  }

  get location() {
    return this.#requests.transport.location;
  }

  /** Any request, answered whatever its status is. */
  request(call: Call): Promise<Answer> {
    return this.#requests.raw(call);
  }

  /** A session with a machine's serial console; `run` it. */
  console(options: ConsoleOptions): ConsoleSession {
    return new ConsoleSession(this.#requests, options);
  }

  /** Lets go of idle connections, so that a program can end. */
  close(): void {
    this.#requests.transport.close();
  }
}
