/** The host and its daemon, and who may use them. */
import type {
  AuditEntry,
  AuditVerdict,
  CreatedToken,
  HostAnswer,
  HostInformation,
  HostValidation,
  NewToken,
  Root,
  Token,
  Whoami,
} from './documents.js';
import { all, collect, type PageQuery, page } from './lists.js';
import type { Requests } from './requests.js';

/** Binaries are looked at, and a long log read. */
const VALIDATE_DEADLINE_MS = 120_000;

export class Host {
  readonly #requests: Requests;

  constructor(requests: Requests) {
    this.#requests = requests;
  }

  /** What the daemon is and can do. */
  root(): Promise<Root> {
    return this.#requests.json({ method: 'GET', path: '/v1' });
  }

  info(): Promise<HostInformation> {
    return this.#requests.json({ method: 'GET', path: '/v1/host' });
  }

  validate(): Promise<HostValidation> {
    return this.#requests.json({
      method: 'GET',
      path: '/v1/host/validate',
      deadlineMs: VALIDATE_DEADLINE_MS,
    });
  }

  whoami(): Promise<Whoami> {
    return this.#requests.json({ method: 'GET', path: '/v1/whoami' });
  }

  /** Suspends all machines that have a guest. */
  suspend(): Promise<HostAnswer> {
    return this.#requests.json({ method: 'POST', path: '/v1/host/suspend' });
  }

  /** Takes all machines down as their documents say. `powerdownMs`: how long guests have to power themselves off. */
  shutdown(body: { readonly powerdownMs?: number } = {}): Promise<HostAnswer> {
    return this.#requests.json({ method: 'POST', path: '/v1/host/shutdown', body });
  }

  /** Brings all machines back as their documents say. */
  boot(): Promise<HostAnswer> {
    return this.#requests.json({ method: 'POST', path: '/v1/host/boot' });
  }

  /** Restores all suspended machines. */
  restore(): Promise<HostAnswer> {
    return this.#requests.json({ method: 'POST', path: '/v1/host/restore' });
  }
}

export class Tokens {
  readonly #requests: Requests;

  constructor(requests: Requests) {
    this.#requests = requests;
  }

  list(): Promise<readonly Token[]> {
    return collect(all((query) => page<Token>(this.#requests, '/v1/tokens', 'tokens', query)));
  }

  /** The answer is the only one that ever holds the secret, so this is never asked for twice. */
  create(body: NewToken): Promise<CreatedToken> {
    return this.#requests.json({ method: 'POST', path: '/v1/tokens', body, once: true });
  }

  async revoke(id: string): Promise<void> {
    const path = `/v1/tokens/${encodeURIComponent(id)}`;
    await this.#requests.call({ method: 'DELETE', path, isById: true });
  }
}

export interface AuditFilter {
  /** As `unix:alice`. */
  readonly requester?: string;
  /** Which come first; default: newest. */
  readonly order?: 'newest' | 'oldest';
}

export class Audit {
  readonly #requests: Requests;

  constructor(requests: Requests) {
    this.#requests = requests;
  }

  list({ limit, ...filter }: AuditFilter & { readonly limit?: number } = {}): AsyncGenerator<AuditEntry> {
    const ask = (query: PageQuery) =>
      page<AuditEntry>(this.#requests, '/v1/audit', 'entries', { ...filter, ...query });
    return all(ask, limit);
  }

  /** `head`: `SEQ:HASH` of an entry that was noted elsewhere; it must be there. */
  verify(query: { readonly head?: string } = {}): Promise<AuditVerdict> {
    const deadlineMs = VALIDATE_DEADLINE_MS;
    return this.#requests.json({ method: 'GET', path: '/v1/audit/verify', query, deadlineMs });
  }
}
