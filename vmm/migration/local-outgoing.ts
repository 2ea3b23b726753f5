/**
 * Parameter `local` at the source: descriptors of backends go late, beside the first bytes of a main channel that is a
 * unix socket. They are copies: the source keeps its own, and goes on with them when the target does not.
 */
import { Socket } from 'node:net';
import { connectUnix, sendMessage } from '../../native/index.js';
import { QmpError } from '../qmp/error.js';
import type { Address } from './address.js';
import type { OutgoingContext } from './outgoing.js';
import { beginOutgoing, fromSocket, type OutgoingChannel, openOutgoing } from './outgoing-channel.js';
import { systemReason } from './system-reason.js';

/** Throws `QmpError` where descriptors cannot go with the stream. */
export function requireLocal(main: Address): void {
  if (main.kind === 'unix') return;
  throw new QmpError("Parameter 'local' is on: the main channel must be a unix socket");
}

/** Why a mode without such a channel cannot have the parameter. */
export function localBlockers({ settings }: Pick<OutgoingContext, 'settings'>): readonly string[] {
  if (!settings.isLocal) return [];
  return [`Parameter 'local' goes with modes normal and cpr-transfer, not with ${settings.mode}`];
}

/** As `openOutgoing`, for whatever the parameter is. */
export async function openMain(
  address: Address,
  { settings }: Pick<OutgoingContext, 'settings'>,
  signal: AbortSignal,
): Promise<OutgoingChannel> {
  if (!settings.isLocal || address.kind !== 'unix') return openOutgoing(address, signal);
  signal.throwIfAborted();
  const fd = connect(address.path);
  const channel = fromSocket(new Socket({ fd, readable: true, writable: true, allowHalfOpen: true }));
  return { ...channel, sendFirst: (bytes, fds) => bytes.subarray(sendMessage(fd, bytes, fds)) };
}

/** As `beginOutgoing`; with the parameter on the address was looked at. */
export async function beginMain(
  address: Address,
  context: Pick<OutgoingContext, 'settings'>,
  signal: AbortSignal,
): Promise<() => Promise<OutgoingChannel>> {
  if (!context.settings.isLocal) return beginOutgoing(address, signal);
  return () => openMain(address, context, signal);
}

function connect(path: string): number {
  try {
    return connectUnix(path);
  } catch (cause) {
    throw new Error(`Failed to connect to '${path}': ${systemReason(cause)}`, { cause });
  }
}

/** Sends the first bytes of the stream, with what goes late; gives those that are left. */
export function sendWithLate(
  { sendFirst, stream }: Pick<OutgoingChannel, 'sendFirst' | 'stream'>,
  bytes: Uint8Array,
  fds: readonly number[],
): Uint8Array {
  if (fds.length === 0) return bytes;
  if (sendFirst === null || stream.destroyed) throw new Error('the main channel takes no descriptors');
  try {
    return sendFirst(bytes, fds);
  } catch (cause) {
    throw new Error(`the connection to the target broke: ${systemReason(cause)}`, { cause });
  }
}
