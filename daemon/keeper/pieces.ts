/**
 * A CPR state as it goes over a unix socket: bytes, some of them with descriptors. It is kept in the pieces in
 * which it came: what the bytes say is the VMMs' business.
 */
import * as native from '../../native/index.js';
import { DeadlineError } from '../instance/deadline.js';

export interface Piece {
  readonly data: Uint8Array;
  readonly fds: readonly number[];
}

/** Real ones have 200 bytes and ten descriptors. */
const MAX_STATE_BYTES = 1024 * 1024;
const MAX_PIECES = 1024;
const RECEIVE_BYTES = 64 * 1024;
/** A wait for a descriptor cannot be called off. */
const POLL_MS = 50;

export function countDescriptors(pieces: readonly Piece[]): number {
  return pieces.reduce((count, { fds }) => count + fds.length, 0);
}

export function closePieces(pieces: readonly Piece[]): void {
  for (const { fds } of pieces) for (const fd of fds) native.closeFd(fd);
}

/** All that the other side sends until it has no more; none of it is left open after an error. */
export async function receivePieces(connection: number, deadlineMs: number): Promise<readonly Piece[]> {
  const giveUpAtMs = performance.now() + deadlineMs;
  const pieces: Piece[] = [];
  let bytes = 0;
  try {
    for (;;) {
      const piece = native.receiveMessage(connection, RECEIVE_BYTES, native.MAX_MESSAGE_FDS);
      if (piece === null) {
        if (performance.now() > giveUpAtMs) throw new DeadlineError('a CPR state to come', deadlineMs);
        await native.pollFd(connection, native.POLLIN, POLL_MS);
        continue;
      }
      if (piece.data.length === 0) return pieces;
      pieces.push(piece);
      bytes += piece.data.length;
      if (bytes > MAX_STATE_BYTES || pieces.length > MAX_PIECES) {
        throw new Error(`expected a CPR state of at most ${MAX_STATE_BYTES} bytes in ${MAX_PIECES} pieces`);
      }
    }
  } catch (error) {
    closePieces(pieces);
    throw error;
  }
}

/** Copies of the descriptors go out; ours stay open. */
export async function sendPieces(
  connection: number,
  pieces: readonly Piece[],
  deadlineMs: number,
): Promise<void> {
  const giveUpAtMs = performance.now() + deadlineMs;
  for (const { data, fds } of pieces) {
    let left = data;
    while (left.length > 0) {
      try {
        left = left.subarray(native.sendMessage(connection, left, left === data ? fds : []));
      } catch (error) {
        if (!(error instanceof native.NativeError && error.code === 'EAGAIN')) throw error;
        if (performance.now() > giveUpAtMs) throw new DeadlineError('a CPR state to be read', deadlineMs);
        await native.pollFd(connection, native.POLLOUT, POLL_MS);
      }
    }
  }
  native.shutdownWrite(connection);
}
