/**
 * Who asks, and what they may. A principal is known before anything that it sent is read: from the kernel (unix
 * socket), a token or a certificate. Pure.
 */

/** Each includes the ones before. `admin` is root on this host: it says which programs the daemon runs. */
export const ROLES = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof ROLES)[number];

export const VIAS = ['unix', 'token', 'certificate', 'daemon'] as const;
export type Via = (typeof VIAS)[number];

export interface Principal {
  readonly name: string;
  readonly via: Via;
  readonly role: Role;
  /** Of a peer on a unix socket. */
  readonly uid: number | null;
  /** Of a peer on the network. */
  readonly address: string | null;
}

/** One that asks now. */
export interface Caller extends Principal {
  /** Ids of the machines that it may see at all; null: all. */
  readonly machines: readonly string[] | null;
  /** What it proved itself with: the id of a token, the fingerprint of a certificate. */
  readonly credential: string | null;
  /** When that ends by itself; null: never. */
  readonly expiresAtMs: number | null;
}

/** Who does what nobody asked for. */
export const DAEMON: Principal = { name: 'batond', via: 'daemon', role: 'admin', uid: null, address: null };

/** Whoever calls the server in this process, without a socket. */
export const IN_PROCESS: Caller = {
  ...DAEMON,
  name: 'inject',
  machines: null,
  credential: null,
  expiresAtMs: null,
};

export function includesRole(role: Role, least: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(least);
}

/** As it stands in events, operations and the audit: `unix:alice`. */
export function requesterName({ via, name }: Pick<Principal, 'via' | 'name'>): string {
  return `${via}:${name}`;
}

/** Without what is of this request only. */
export function principalOf({ name, via, role, uid, address }: Principal): Principal {
  return { name, via, role, uid, address };
}

export function seesMachine({ machines }: Pick<Caller, 'machines'>, machineId: string): boolean {
  return machines === null || machines.includes(machineId);
}
