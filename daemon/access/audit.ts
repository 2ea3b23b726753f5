/**
 * The audit: who asked for what, and how it ended. Its entries are a chain: the hash of each covers all that it says,
 * its number, and the hash of the one before. Whoever knows the hash of one entry knows all before it. Pure.
 */
import { createHash } from 'node:crypto';
import type { Role } from './principal.js';

export interface NewAuditEntry {
  /** `unix:alice`; `unknown` for who did not prove anything. */
  readonly requester: string;
  readonly role: Role | null;
  /** Id of the token, fingerprint of the certificate. */
  readonly credential: string | null;
  /** The address, or for the unix socket the number of the user. */
  readonly origin: string;
  readonly method: string;
  /** As it was declared: `/v1/machines/:machine/start`. */
  readonly route: string;
  /** The path that was asked for, without its query. */
  readonly subject: string;
  /** Of HTTP. */
  readonly status: number;
  /** How many there were of the same, this one included, since the one before. */
  readonly count: number;
}

export interface AuditLink {
  readonly seq: number;
  readonly hash: string;
}

export interface AuditEntry extends NewAuditEntry, AuditLink {
  /** RFC 3339, UTC, with milliseconds. */
  readonly time: string;
  readonly previousHash: string;
}

/** What the first entry stands on. */
export const AUDIT_BEGIN: AuditLink = { seq: 0, hash: '0'.repeat(64) };

export function auditHash(entry: Omit<AuditEntry, 'hash'>): string {
  const content = [
    entry.seq,
    entry.time,
    entry.requester,
    entry.role,
    entry.credential,
    entry.origin,
    entry.method,
    entry.route,
    entry.subject,
    entry.status,
    entry.count,
    entry.previousHash,
  ];
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}

/** What is wrong with an entry that follows `previous`; null: nothing. */
export function auditFlaw(previous: AuditLink, entry: AuditEntry): string | null {
  const { seq, hash, previousHash } = entry;
  const missing = seq - previous.seq - 1;
  if (missing > 0) return `${missing} entries before ${seq} are missing`;
  if (hash !== auditHash(entry)) return `entry ${seq} was changed`;
  if (previousHash !== previous.hash) return `entry ${seq} does not follow entry ${previous.seq}`;
  return null;
}
