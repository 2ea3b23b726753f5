/** A token: who its bearer is and what that one may, until when. */
import type { Role } from './principal.js';

export interface Token {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  /** Ids of the machines that it is for; null: all. */
  readonly machines: readonly string[] | null;
  readonly createdAtMs: number;
  /** Who made it. */
  readonly createdBy: string;
  /** Null: when it is revoked. */
  readonly expiresAtMs: number | null;
  readonly lastUsedAtMs: number | null;
}

export interface StoredToken extends Token {
  readonly secretHash: Uint8Array;
}
