/**
 * The tokens of this daemon. A secret is given out once and never kept. A revoked token is gone at once: who listens
 * here is told, and ends what goes on with it.
 */

import type { Logger } from 'pino';
import { BatonError, messageOf } from '../errors.js';
import type { Page, PageRequest } from '../page.js';
import type { Store } from '../store/store.js';
import { type Caller, type Role, requesterName } from './principal.js';
import { currentRequester } from './requester.js';
import { newSecret, parseSecret, sameHash } from './secret-token.js';
import type { Token } from './token.js';

const MAX_TOKENS = 1_000;
/** When it was used last is written no more often. */
const USE_WRITTEN_MS = 60_000;

export interface NewToken {
  readonly name: string;
  readonly role: Role;
  readonly machines: readonly string[] | null;
  readonly expiresInMs: number | null;
}

export class Tokens {
  readonly #store: Store;
  readonly #log: Logger;
  readonly #nowMs: () => number;
  readonly #listeners = new Set<(id: string) => void>();
  /** Those used since it was written that they were. */
  readonly #used = new Map<string, number>();

  constructor(store: Store, log: Logger, nowMs: () => number = Date.now) {
    this.#store = store;
    this.#log = log;
    this.#nowMs = nowMs;
  }

  /** With its secret, which nobody can be told again. */
  create({ name, role, machines, expiresInMs }: NewToken): { token: Token; secret: string } {
    const { tokens } = this.#store;
    if (role === 'admin' && machines !== null) {
      const message =
        'expected machines to be left out for an admin, who could give itself the others: choose operator or viewer';
      throw new BatonError('invalid_request', message);
    }
    const { id, text, hash } = newSecret();
    const createdAtMs = this.#nowMs();
    this.#store.durably(() => {
      if (tokens.byName(name) !== null) {
        throw new BatonError(
          'token_name_taken',
          `there is a token ${name}: revoke it, or choose another name`,
        );
      }
      if (tokens.count() >= MAX_TOKENS) {
        throw new BatonError(
          'too_many_tokens',
          `there are ${MAX_TOKENS} tokens: revoke some that have expired`,
        );
      }
      const createdBy = requesterName(currentRequester());
      const expiresAtMs = expiresInMs === null ? null : createdAtMs + expiresInMs;
      tokens.insert({ id, name, role, machines, createdAtMs, createdBy, expiresAtMs, secretHash: hash });
    });
    return { token: this.byId(id), secret: text };
  }

  byId(id: string): Token {
    const token = this.#store.tokens.byId(id);
    if (token === null) throw new BatonError('token_not_found', `there is no token ${id} (any more)`);
    return this.#asUsed(token);
  }

  page(request: PageRequest): Page<Token> {
    const { items, next } = this.#store.tokens.page(request);
    return { items: items.map((token) => this.#asUsed(token)), next };
  }

  revoke(id: string): void {
    this.byId(id);
    this.#store.durably(() => this.#store.tokens.delete(id));
    this.#used.delete(id);
    for (const listener of this.#listeners) listener(id);
  }

  /** Listeners must not throw. */
  onRevoked(listener: (id: string) => void): void {
    this.#listeners.add(listener);
  }

  /** Its bearer. Null: it is no token, or none any more; which of these is not said. */
  verify(text: string, address: string | null): Caller | null {
    const given = parseSecret(text);
    if (given === null) return null;
    const token = this.#store.tokens.byId(given.id);
    if (token === null || !sameHash(token.secretHash, given.hash)) return null;
    const nowMs = this.#nowMs();
    if (token.expiresAtMs !== null && token.expiresAtMs <= nowMs) return null;
    this.#noteUse(token, nowMs);
    const { id, name, role, machines, expiresAtMs } = token;
    return { name, via: 'token', role, uid: null, address, machines, credential: id, expiresAtMs };
  }

  #noteUse({ id, lastUsedAtMs }: Token, nowMs: number): void {
    this.#used.set(id, nowMs);
    if (lastUsedAtMs !== null && nowMs - lastUsedAtMs < USE_WRITTEN_MS) return;
    try {
      this.#store.quickly(() => this.#store.tokens.setLastUsed(id, nowMs));
    } catch (error) {
      this.#log.warn({ tokenId: id, reason: messageOf(error) }, 'the use of a token was not written');
    }
  }

  #asUsed({ id, name, role, machines, createdAtMs, createdBy, expiresAtMs, lastUsedAtMs }: Token): Token {
    const used = this.#used.get(id) ?? lastUsedAtMs;
    return { id, name, role, machines, createdAtMs, createdBy, expiresAtMs, lastUsedAtMs: used };
  }
}
