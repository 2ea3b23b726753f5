/**
 * The keeper: a process that holds the descriptors of a guest's memory while a VMM replaces itself, so that they
 * outlive the VMM and the daemon. It takes one CPR state, gives copies of it to whoever asks, and ends by itself:
 * at once when what it got holds no memory, at the end of its time otherwise. Arguments: its mark, its folder, and
 * for how long it lives, in milliseconds.
 */
import * as native from '../../native/index.js';
import { messageOf } from '../errors.js';
import { keeperFiles } from './files.js';
import { countDescriptors, type Piece, receivePieces, sendPieces } from './pieces.js';

const TAKE_DEADLINE_MS = 15_000;
const GIVE_DEADLINE_MS = 10_000;
const POLL_MS = 1_000;

async function accept(listener: number, deadlineMs: number): Promise<number | null> {
  const giveUpAtMs = performance.now() + deadlineMs;
  for (;;) {
    const connection = native.acceptUnix(listener);
    if (connection !== null) return connection;
    const leftMs = giveUpAtMs - performance.now();
    if (leftMs <= 0) return null;
    await native.pollFd(listener, native.POLLIN, Math.ceil(Math.min(POLL_MS, leftMs)));
  }
}

async function give(connection: number, pieces: readonly Piece[]): Promise<void> {
  try {
    await sendPieces(connection, pieces, GIVE_DEADLINE_MS);
  } catch (error) {
    process.stderr.write(`keeper: the state was not given: ${messageOf(error)}\n`);
  } finally {
    native.closeFd(connection);
  }
}

async function run(folder: string, lifetimeMs: number): Promise<void> {
  const endsAtMs = performance.now() + lifetimeMs;
  const files = keeperFiles(folder);
  const connection = await accept(native.listenUnix(files.take, 1), TAKE_DEADLINE_MS);
  if (connection === null) throw new Error(`expected a VMM to connect within ${TAKE_DEADLINE_MS} ms`);
  const pieces = await receivePieces(connection, TAKE_DEADLINE_MS);
  if (countDescriptors(pieces) === 0) throw new Error('expected the VMM to send descriptors, it sent none');
  const listener = native.listenUnix(files.give, 1);
  /* To the VMM this says: connect to main, where it finds nobody. */
  native.closeFd(connection);
  for (;;) {
    const asking = await accept(listener, endsAtMs - performance.now());
    if (asking === null) return;
    await give(asking, pieces);
  }
}

const [, folder = '', lifetimeMs = ''] = process.argv.slice(2);
try {
  await run(folder, Number(lifetimeMs));
} catch (error) {
  process.stderr.write(`keeper: ${messageOf(error)}\n`);
  process.exit(1);
}
