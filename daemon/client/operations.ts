/** Operations and upgrades: what was asked for, how far it is, and its end. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Operation, Upgrade } from './documents.js';
import { DeadlineError } from './errors.js';
import { all, type PageQuery, page } from './lists.js';
import type { Requests } from './requests.js';

export interface OperationFilter {
  readonly machine?: string;
  readonly state?: string;
  readonly kind?: string;
}

export interface UpgradeFilter {
  readonly machine?: string;
  readonly state?: string;
  readonly mode?: string;
  readonly build?: string;
}

/** One request waits so long at most, so that a connection that is dead is noticed. */
const WAIT_MS = 20_000;
const ANSWER_MS = 10_000;
/** Between looks at a daemon that answers without having waited. */
const LOOK_MS = 100;

export class Operations {
  readonly #requests: Requests;

  constructor(requests: Requests) {
    this.#requests = requests;
  }

  page(query: OperationFilter & PageQuery = {}) {
    return page<Operation>(this.#requests, '/v1/operations', 'operations', query);
  }

  list({ limit, ...filter }: OperationFilter & { readonly limit?: number } = {}): AsyncGenerator<Operation> {
    return all((query) => this.page({ ...filter, ...query }), limit);
  }

  get(id: string): Promise<Operation> {
    return this.#requests.json({ method: 'GET', path: pathOf(id) });
  }

  cancel(id: string): Promise<Operation> {
    return this.#requests.json({ method: 'POST', path: `${pathOf(id)}/cancel` });
  }

  /** Resolves with the operation that has ended, however it did. Rejects with a `DeadlineError` if it has not in time. */
  async ended(id: string, { deadlineMs = Infinity, signal }: WaitOptions = {}): Promise<Operation> {
    const giveUpAt = performance.now() + deadlineMs;
    for (;;) {
      const leftMs = giveUpAt - performance.now();
      if (leftMs <= 0) throw new DeadlineError(`operation ${id} has not ended within ${deadlineMs} ms`);
      const waitMs = Math.ceil(Math.min(WAIT_MS, Math.max(1_000, leftMs)));
      const operation = await this.#requests.json<Operation>({
        method: 'GET',
        path: pathOf(id),
        query: { wait: `${waitMs}ms` },
        deadlineMs: waitMs + ANSWER_MS,
        ...(signal === undefined ? {} : { signal }),
      });
      if (operation.state !== 'running') return operation;
      await delay(LOOK_MS, undefined, signal === undefined ? {} : { signal });
    }
  }
}

export interface WaitOptions {
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

export class Upgrades {
  readonly #requests: Requests;

  constructor(requests: Requests) {
    this.#requests = requests;
  }

  page(query: UpgradeFilter & PageQuery = {}) {
    return page<Upgrade>(this.#requests, '/v1/upgrades', 'upgrades', query);
  }

  list({ limit, ...filter }: UpgradeFilter & { readonly limit?: number } = {}): AsyncGenerator<Upgrade> {
    return all((query) => this.page({ ...filter, ...query }), limit);
  }

  get(id: string): Promise<Upgrade> {
    return this.#requests.json({ method: 'GET', path: `/v1/upgrades/${encodeURIComponent(id)}` });
  }
}

function pathOf(id: string): string {
  return `/v1/operations/${encodeURIComponent(id)}`;
}
