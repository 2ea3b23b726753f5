/**
 * Whose a client certificate is. TLS has checked that an authority of ours signed it; which of those that it signed may
 * do what is said by rules of the configuration: one by fingerprint means one certificate, one by common name whoever
 * the authority gives that name to.
 */
import type { TLSSocket } from 'node:tls';
import type { Caller, Role } from './principal.js';

export interface CertificateRule {
  /** What the owner is called in events, operations and the audit. */
  readonly name: string;
  readonly role: Role;
  readonly commonName: string | null;
  /** SHA-256, pairs of hexadecimal digits with colons. */
  readonly fingerprint256: string | null;
}

/** Null: there is none that counts. */
export function certificateCaller(
  socket: TLSSocket,
  rules: readonly CertificateRule[],
  nowMs: number,
): Caller | null {
  if (!socket.authorized) return null;
  const { subject, fingerprint256, valid_from, valid_to } = socket.getPeerCertificate();
  if (fingerprint256 === undefined) return null;
  const expiresAtMs = Date.parse(valid_to);
  if (!(Date.parse(valid_from) <= nowMs && nowMs < expiresAtMs)) return null;
  const rule =
    rules.find((each) => each.fingerprint256?.toUpperCase() === fingerprint256) ??
    rules.find((each) => each.commonName !== null && each.commonName === subject?.CN);
  if (rule === undefined) return null;
  return {
    name: rule.name,
    via: 'certificate',
    role: rule.role,
    uid: null,
    address: socket.remoteAddress ?? null,
    machines: null,
    credential: fingerprint256,
    expiresAtMs,
  };
}
