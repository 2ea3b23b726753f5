/**
 * Who is at the other end of a unix socket, by the kernel's word (SO_PEERCRED, of the time of its connect). Root and
 * the daemon's own user are admins. Everybody else whom the socket file lets in has the role of its group.
 */
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { peerCredentials } from '../../native/index.js';
import type { Caller, Role } from './principal.js';

const USERS = '/etc/passwd';

export interface UnixPeerOptions {
  readonly groupRole: Role;
}

/** Null: it is no unix socket, or nobody is there any more. */
export function unixPeer(socket: Socket, { groupRole }: UnixPeerOptions): Caller | null {
  const fd = descriptorOf(socket);
  if (fd === null) return null;
  const { uid } = peerCredentials(fd);
  const isOwner = uid === 0 || uid === process.getuid?.();
  return {
    name: userName(uid),
    via: 'unix',
    role: isOwner ? 'admin' : groupRole,
    uid,
    address: null,
    machines: null,
    credential: null,
  };
}

/** Node tells the descriptor of a socket by its handle only. */
function descriptorOf(socket: Socket): number | null {
  const { _handle: handle } = socket as Socket & { _handle?: { fd?: number } | null };
  return handle?.fd !== undefined && handle.fd >= 0 ? handle.fd : null;
}

/** One that the host's own list does not have goes by its number. */
function userName(uid: number): string {
  const line = readFileSync(USERS, 'utf8')
    .split('\n')
    .map((text) => text.split(':'))
    .find(([, , number]) => number === String(uid));
  return line?.[0] ?? String(uid);
}
