/**
 * Keeps a running guest's memory alive beside its VMM: the net under a cpr-exec, which has no way back once
 * the new program runs.
 *
 *     hold      the VMM is told to hand over by cpr-transfer, to the daemon: it sends its CPR state with all
 *               descriptors, finds nobody on the main channel, and gives up. The guest does not stop.
 *     release   the descriptors are closed: the new program has loaded.
 *     restore   the new program has died: another instance, which waits as a target, gets the CPR state and
 *               then the device state that the VMM had written into a file before it ended.
 *
 * The bytes of the CPR state are kept as they came: what they say is the VMMs' business.
 */
import { createReadStream, rmSync } from 'node:fs';
import { connect } from 'node:net';
import * as native from '../../native/index.js';
import { DeadlineError, until } from '../instance/deadline.js';
import type { QmpClient } from '../instance/qmp-client.js';
import type { RunningInstance } from '../instance/running-instance.js';
import { UpgradeError } from '../upgrade.js';
import { isSettled, queryMigrate, setMode, unixChannel } from './migration.js';

/** Real ones have 200 bytes and ten descriptors. */
const MAX_STATE_BYTES = 1024 * 1024;
const MAX_DESCRIPTORS = 1024;
const RECEIVE_BYTES = 64 * 1024;
const CAPTURE_DEADLINE_MS = 5_000;
const RESTORE_DEADLINE_MS = 10_000;
const SETTLE_DEADLINE_MS = 5_000;
/** Waits for a descriptor cannot be called off. */
const POLL_MS = 50;

interface Piece {
  readonly data: Uint8Array;
  readonly fds: readonly number[];
}

export class HeldMemory {
  readonly #pieces: readonly Piece[];
  #isReleased = false;

  constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces;
  }

  get descriptorCount(): number {
    return this.#pieces.reduce((count, { fds }) => count + fds.length, 0);
  }

  /** Again is nothing. Without it the guest's memory stays allocated as long as the daemon lives. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    for (const { fds } of this.#pieces) for (const fd of fds) native.closeFd(fd);
  }

  /** Gives a VMM that waits on its CPR channel what the first one had. The memory is held on. */
  async restoreCpr(cprPath: string): Promise<void> {
    if (this.#isReleased) throw new Error('expected memory that is held, but it was released');
    const fd = native.connectUnix(cprPath);
    try {
      for (const { data, fds } of this.#pieces) await sendAll(fd, data, fds);
      native.shutdownWrite(fd);
    } finally {
      native.closeFd(fd);
    }
  }
}

/** `folder` is the daemon's own. The VMM is in normal mode afterwards, whatever happened. */
export async function holdMemory(source: RunningInstance, folder: string): Promise<HeldMemory> {
  const path = `${folder}/hold.sock`;
  await setMode(source, 'cpr-transfer');
  try {
    const blocked = (await queryMigrate(source))['blocked-reasons'] ?? [];
    if (blocked.length > 0) {
      throw new UpgradeError('source_blocked', `the guest's memory cannot be held: ${blocked.join('; ')}`);
    }
    return await capture(source, path, `${folder}/nobody.sock`);
  } finally {
    rmSync(path, { force: true });
    await setMode(source, 'normal');
  }
}

/** Feeds the device state of a file to a VMM that listens for it. It has loaded when it says so itself. */
export async function restoreDevices(mainPath: string, stateFile: string): Promise<void> {
  const socket = connect(mainPath);
  /* The VMM hangs up when it likes, after the last byte as well: only what cannot be written is an error. */
  socket.on('error', () => undefined);
  const late = () =>
    socket.destroy(new DeadlineError('the VMM to read its device state', RESTORE_DEADLINE_MS));
  const timer = setTimeout(late, RESTORE_DEADLINE_MS);
  try {
    for await (const chunk of createReadStream(stateFile)) {
      await new Promise<void>((resolve, reject) => {
        socket.write(chunk, (error) => (error ? reject(error) : resolve()));
      });
    }
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

async function capture(source: RunningInstance, path: string, nobody: string): Promise<HeldMemory> {
  const listener = native.listenUnix(path, 1);
  try {
    const pieces = receivePieces(listener);
    /* It is awaited below; until then its failure must not count as nobody's. */
    pieces.catch(() => undefined);
    await handOver(source.qmp, path, nobody);
    const held = new HeldMemory(await pieces);
    try {
      await until(
        async () => (isSettled(await queryMigrate(source)) ? true : null),
        { deadlineMs: SETTLE_DEADLINE_MS, what: 'the VMM to give the hand-over up', signal: source.gone },
        POLL_MS / 10,
      );
      if (held.descriptorCount === 0)
        throw new Error('expected the VMM to send descriptors, but it sent none');
    } catch (error) {
      held.release();
      throw error;
    }
    return held;
  } finally {
    native.closeFd(listener);
  }
}

async function handOver(qmp: QmpClient, cpr: string, main: string): Promise<void> {
  const channels = [unixChannel('main', main), unixChannel('cpr', cpr)];
  await qmp.execute('migrate', { channels }, { deadlineMs: CAPTURE_DEADLINE_MS });
}

async function receivePieces(listener: number): Promise<readonly Piece[]> {
  const giveUpAtMs = performance.now() + CAPTURE_DEADLINE_MS;
  const connection = await awaitValue(() => native.acceptUnix(listener), listener, giveUpAtMs);
  const pieces: Piece[] = [];
  let bytes = 0;
  try {
    for (;;) {
      const receive = () => native.receiveMessage(connection, RECEIVE_BYTES, native.MAX_MESSAGE_FDS);
      const piece = await awaitValue(receive, connection, giveUpAtMs);
      if (piece.data.length === 0) return pieces;
      pieces.push(piece);
      bytes += piece.data.length;
      if (bytes > MAX_STATE_BYTES || pieces.length > MAX_DESCRIPTORS) {
        throw new Error(`expected a CPR state of at most ${MAX_STATE_BYTES} bytes`);
      }
    }
  } catch (error) {
    new HeldMemory(pieces).release();
    throw error;
  } finally {
    /* To the VMM this says: connect to main. */
    native.closeFd(connection);
  }
}

async function awaitValue<T>(take: () => T | null, fd: number, giveUpAtMs: number): Promise<T> {
  for (;;) {
    const value = take();
    if (value !== null) return value;
    if (performance.now() > giveUpAtMs)
      throw new DeadlineError('the VMM to send its state', CAPTURE_DEADLINE_MS);
    await native.pollFd(fd, native.POLLIN, POLL_MS);
  }
}

async function sendAll(fd: number, data: Uint8Array, fds: readonly number[]): Promise<void> {
  const giveUpAtMs = performance.now() + RESTORE_DEADLINE_MS;
  let left = data;
  while (left.length > 0) {
    try {
      left = left.subarray(native.sendMessage(fd, left, left === data ? fds : []));
    } catch (error) {
      if (!(error instanceof native.NativeError && error.code === 'EAGAIN')) throw error;
      if (performance.now() > giveUpAtMs)
        throw new DeadlineError('the VMM to read its state', RESTORE_DEADLINE_MS);
      await native.pollFd(fd, native.POLLOUT, POLL_MS);
    }
  }
}
