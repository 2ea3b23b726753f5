/**
 * Who is at the other end of a unix socket, by the kernel's word, as it was when it connected. Root and the daemon's own
 * user are admins; members of the socket's group have the role of that group; all others are nobody here, even if the
 * file's mode lets them in.
 */
import type { Socket } from 'node:net';
import { peerCredentials, peerGroups } from '../../native/index.js';
import type { Caller, Role } from './principal.js';
import { userName } from './user-name.js';

export interface UnixPeerOptions {
  /** Number of the socket's group. */
  readonly groupId: number;
  readonly groupRole: Role;
}

/** A connection does not change hands. */
const known = new WeakMap<Socket, Caller | null>();

/** Null: it has no rights of its own, or it is no unix socket. */
export function unixPeer(socket: Socket, options: UnixPeerOptions): Caller | null {
  const caller = known.get(socket) ?? ask(socket, options);
  known.set(socket, caller);
  return caller;
}

function ask(socket: Socket, { groupId, groupRole }: UnixPeerOptions): Caller | null {
  const fd = descriptorOf(socket);
  if (fd === null || socket.remoteAddress !== undefined) return null;
  const { uid, gid } = peerCredentials(fd);
  const isOwner = uid === 0 || uid === process.getuid?.();
  if (!isOwner && gid !== groupId && !peerGroups(fd).includes(groupId)) return null;
  return {
    name: userName(uid),
    via: 'unix',
    role: isOwner ? 'admin' : groupRole,
    uid,
    address: null,
    machines: null,
    credential: null,
    expiresAtMs: null,
  };
}

/** As it was asked first: one that hangs up is still told of by the audit. */
const uids = new WeakMap<Socket, number>();

/** The number of the user at the other end; null when nobody says. */
export function peerUid(socket: Socket): number | null {
  const known = uids.get(socket);
  if (known !== undefined) return known;
  const fd = descriptorOf(socket);
  if (fd === null || socket.remoteAddress !== undefined) return null;
  const { uid } = peerCredentials(fd);
  uids.set(socket, uid);
  return uid;
}

/** Node tells the descriptor of a socket by its handle only. */
function descriptorOf(socket: Socket): number | null {
  const { _handle: handle } = socket as Socket & { _handle?: { fd?: number } | null };
  return handle?.fd !== undefined && handle.fd >= 0 ? handle.fd : null;
}
