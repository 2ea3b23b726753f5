/**
 * Requests that carry a key of the client's, so that asking twice does it once. The key goes along with every call and
 * every wait of its request: whoever makes something in the store notes it under the key, in the same transaction.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

export interface IdempotencyKey {
  /** Keys are each client's own. */
  readonly principal: string;
  readonly key: string;
}

export interface KeptAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface KeptRequest {
  /** Of what was asked. */
  readonly fingerprint: string;
  /** Paths below /v1 of the operations and machines that it made. */
  readonly made: readonly string[];
  /** Null: it was not answered yet, or by a daemon that died before. */
  readonly answer: KeptAnswer | null;
}

const keys = new AsyncLocalStorage<IdempotencyKey>();

/** Null: the request has none, or nobody asked. */
export function currentKey(): IdempotencyKey | null {
  return keys.getStore() ?? null;
}

export function underKey<T>(key: IdempotencyKey, work: () => T): T {
  return keys.run(key, work);
}
