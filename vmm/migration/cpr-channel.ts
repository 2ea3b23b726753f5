/**
 * The CPR channel: one unix connection over which the source hands descriptors to the target.
 *
 *     source                                  target
 *     connect                                 listens from its start, before it has guest memory
 *     CPR state + descriptors, end of stream ►
 *                                             maps the memory, builds the machine
 *     ◄ handshake                             says what machine it is (handshake.ts)
 *                                             listens on `main`
 *     ◄ hang-up                               closes the connection: "connect to main now"
 *
 * Descriptors that do not fit the stream are closed; none is left behind by an error.
 */
import { Socket } from 'node:net';
import {
  acceptUnix,
  closeFd,
  connectUnix,
  NativeError,
  POLLIN,
  POLLOUT,
  peerCredentials,
  pollFd,
  receiveMessage,
  sendMessage,
  shutdownWrite,
} from '../../native/index.js';
import type { CarriedDescriptor } from '../carried.js';
import type { UnixListener } from '../unix-listener.js';
import {
  type CprEntry,
  decodeCprState,
  encodeCprState,
  MAX_CPR_ENTRIES,
  MAX_CPR_STATE_BYTES,
} from './cpr-state.js';
import { systemReason } from './system-reason.js';

/** What the target got, and the connection that tells the source to go on when it is closed. */
export interface ReceivedCpr {
  readonly descriptors: readonly CarriedDescriptor[];
  /** Process of the source; 0 when it cannot be seen from here. */
  readonly sourcePid: number;
  hangUp(): void;
  /** Sends bytes to the source; one that does not read them is no matter. */
  say(bytes: Uint8Array): Promise<void>;
}

/** Bounds for a peer that connects and then sends slowly, or too much. */
const RECEIVE_DEADLINE_MS = 30_000;
const SEND_DEADLINE_MS = 10_000;
/** A wait on the thread pool cannot be interrupted: short, so that the process can end meanwhile. */
const POLL_MS = 250;

/** Connects and sends. The returned socket ends when the target hangs up. */
export async function sendCprState(path: string, descriptors: readonly CarriedDescriptor[]): Promise<Socket> {
  const pieces = encodeCprState(descriptors);
  const fd = connect(path);
  try {
    for (const [index, piece] of pieces.entries()) {
      const descriptor = descriptors[index];
      await sendPiece(fd, piece, descriptor === undefined ? [] : [descriptor.fd]);
    }
    shutdownWrite(fd);
    return new Socket({ fd, readable: true, writable: false, allowHalfOpen: true });
  } catch (cause) {
    closeFd(fd);
    throw new Error(`Failed to send CPR state to '${path}': ${systemReason(cause)}`, { cause });
  }
}

function connect(path: string): number {
  try {
    return connectUnix(path);
  } catch (cause) {
    throw new Error(`Failed to connect to '${path}': ${systemReason(cause)}`, { cause });
  }
}

/** The descriptor goes with the piece's last byte, as the stream's layout has it. */
async function sendPiece(fd: number, piece: Uint8Array, fds: readonly number[]): Promise<void> {
  const split = piece.length - Math.sign(fds.length);
  await sendAll(fd, piece.subarray(0, split), []);
  await sendAll(fd, piece.subarray(split), fds);
}

async function sendAll(fd: number, data: Uint8Array, fds: readonly number[]): Promise<void> {
  const giveUpAt = performance.now() + SEND_DEADLINE_MS;
  let left = data;
  while (left.length > 0) {
    try {
      left = left.subarray(sendMessage(fd, left, left === data ? fds : []));
    } catch (error) {
      if (!isAgain(error)) throw error;
      if (performance.now() > giveUpAt) throw new Error(`the target read nothing for ${SEND_DEADLINE_MS} ms`);
      await pollFd(fd, POLLOUT, POLL_MS);
    }
  }
}

/** Waits, as long as it takes, for a source; then reads its state. Closes the listener. */
export async function receiveCprState(listener: UnixListener): Promise<ReceivedCpr> {
  let fd: number | null = null;
  try {
    while (fd === null) {
      await pollFd(listener.fd, POLLIN, POLL_MS);
      fd = acceptUnix(listener.fd);
    }
  } finally {
    listener.close();
  }
  try {
    const descriptors = await receiveAll(fd);
    const connection = fd;
    return {
      descriptors,
      sourcePid: peerCredentials(fd).pid,
      hangUp: () => closeFd(connection),
      // A source that has gone meanwhile is noticed on the main channel.
      say: (bytes) => sendAll(connection, bytes, []).catch(() => undefined),
    };
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

async function receiveAll(fd: number): Promise<CarriedDescriptor[]> {
  const giveUpAt = performance.now() + RECEIVE_DEADLINE_MS;
  const parts: Uint8Array[] = [];
  const fds: number[] = [];
  try {
    let sizeBytes = 0;
    for (;;) {
      const message = receiveMessage(fd, MAX_CPR_STATE_BYTES, MAX_CPR_ENTRIES);
      if (message === null) {
        if (performance.now() > giveUpAt) {
          throw new Error(`the CPR channel was open for ${RECEIVE_DEADLINE_MS} ms without ending its stream`);
        }
        await pollFd(fd, POLLIN, POLL_MS);
        continue;
      }
      fds.push(...message.fds);
      if (message.data.length === 0) break;
      parts.push(message.data);
      sizeBytes += message.data.length;
      if (sizeBytes > MAX_CPR_STATE_BYTES)
        throw new Error(`CPR state of more than ${MAX_CPR_STATE_BYTES} bytes`);
      if (fds.length > MAX_CPR_ENTRIES)
        throw new Error(`CPR state with more than ${MAX_CPR_ENTRIES} descriptors`);
    }
    return pair(decodeCprState(Buffer.concat(parts)), fds);
  } catch (error) {
    for (const received of fds) closeFd(received);
    throw error;
  }
}

function pair(entries: readonly CprEntry[], fds: readonly number[]): CarriedDescriptor[] {
  if (entries.length !== fds.length) {
    throw new Error(`CPR state lists ${entries.length} descriptors, ${fds.length} came with it`);
  }
  return entries.map((entry, index) => ({ ...entry, fd: fds[index] as number }));
}

function isAgain(error: unknown): boolean {
  return error instanceof NativeError && error.code === 'EAGAIN';
}
