/** Builds: the VMM binaries that machines can run on. */
import type { Build, NewBuild } from './documents.js';
import { all, type PageQuery, page } from './lists.js';
import type { Requests } from './requests.js';

/** A binary is run to learn what it can do; QEMU is asked much. */
const REGISTER_DEADLINE_MS = 120_000;

export class Builds {
  readonly #requests: Requests;

  constructor(requests: Requests) {
    this.#requests = requests;
  }

  page(query: { readonly kind?: string } & PageQuery = {}) {
    return page<Build>(this.#requests, '/v1/builds', 'builds', query);
  }

  list(filter: { readonly kind?: string } = {}): AsyncGenerator<Build> {
    return all((query) => this.page({ ...filter, ...query }));
  }

  get(id: string): Promise<Build> {
    return this.#requests.json({ method: 'GET', path: pathOf(id) });
  }

  add(body: NewBuild): Promise<Build> {
    return this.#requests.json({
      method: 'POST',
      path: '/v1/builds',
      body,
      deadlineMs: REGISTER_DEADLINE_MS,
    });
  }

  async remove(id: string): Promise<void> {
    await this.#requests.call({ method: 'DELETE', path: pathOf(id), isById: true });
  }
}

function pathOf(id: string): string {
  return `/v1/builds/${encodeURIComponent(id)}`;
}
