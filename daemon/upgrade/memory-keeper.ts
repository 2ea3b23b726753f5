/**
 * Keeps a running guest's memory alive beside its VMM: the net under a cpr-exec, which has no way back once
 * the new program runs.
 *
 *     hold      the VMM is told to hand over by cpr-transfer, to a keeper (`keeper/main.ts`): it sends its CPR state
 *               with all descriptors, finds nobody on the main channel, and gives up. The guest does not stop.
 *     release   the keeper is ended: the new program has loaded, or was never run.
 *     restore   the new program has died: another instance, which waits as a target, gets the CPR state and
 *               then the device state that the VMM had written into a file before it ended.
 *
 * The keeper is a process, so that memory is held though VMM and daemon die both. It is found again by its command
 * line, and ends by itself when nobody comes.
 */
import { connect } from 'node:net';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as native from '../../native/index.js';
import { DeadlineError, until } from '../instance/deadline.js';
import type { HostProcesses } from '../instance/host.js';
import { listeningAt } from '../instance/listening.js';
import { outputTail, withLastWords } from '../instance/output-tail.js';
import type { RunningInstance } from '../instance/running-instance.js';
import { openVmmFile } from '../instance/vmm-file.js';
import { removeVmmFolderSync } from '../instance/vmm-folder.js';
import { makeVmmFolder } from '../instance/vmm-user.js';
import { keeperFiles, keeperMark } from '../keeper/files.js';
import { closePieces, receivePieces, sendPieces } from '../keeper/pieces.js';
import { UpgradeError } from '../upgrade.js';
import { blockedReasons, isSettled, queryMigrate, setMode, unixChannel } from './migration.js';

const KEEPER = fileURLToPath(new URL('../keeper/main.js', import.meta.url));
/** As long as a daemon may be away in the middle of an upgrade. */
const LIFETIME_MS = 60 * 60 * 1000;
const START_DEADLINE_MS = 10_000;
const CAPTURE_DEADLINE_MS = 5_000;
const RESTORE_DEADLINE_MS = 10_000;
const KILL_DEADLINE_MS = 10_000;
const POLL_MS = 5;

/** `folder` is made, for this alone. The VMM is in normal mode afterwards, whatever happened. */
export async function holdMemory(
  source: RunningInstance,
  folder: string,
  host: HostProcesses,
  signal: AbortSignal = source.gone,
): Promise<void> {
  const files = keeperFiles(folder);
  await startKeeper(folder, host, signal);
  await setMode(source, 'cpr-transfer', { signal });
  try {
    const blocked = await blockedReasons(source, { signal });
    if (blocked.length > 0) {
      throw new UpgradeError('source_blocked', `the guest's memory cannot be held: ${blocked.join('; ')}`);
    }
    const channels = [unixChannel('main', `${folder}/nobody.sock`), unixChannel('cpr', files.take)];
    await source.qmp.execute('migrate', { channels }, { signal, deadlineMs: CAPTURE_DEADLINE_MS });
    await until(
      async () => (isSettled(await queryMigrate(source, { signal })) ? true : null),
      { deadlineMs: CAPTURE_DEADLINE_MS, what: 'the VMM to give the hand-over up', signal },
      POLL_MS,
    );
  } finally {
    await setMode(source, 'normal');
  }
  await waitForListener(files.give, CAPTURE_DEADLINE_MS, files.log, signal);
}

/** Gives a VMM that waits on its CPR channel what the first one had. The memory is held on. */
export async function restoreCpr(folder: string, cprPath: string): Promise<void> {
  const keeper = native.connectUnix(keeperFiles(folder).give);
  const pieces = await receivePieces(keeper, RESTORE_DEADLINE_MS).finally(() => native.closeFd(keeper));
  try {
    const vmm = native.connectUnix(cprPath);
    await sendPieces(vmm, pieces, RESTORE_DEADLINE_MS).finally(() => native.closeFd(vmm));
  } finally {
    closePieces(pieces);
  }
}

/** Feeds the device state of a file to a VMM that listens for it. It has loaded when it says so itself. */
export async function restoreDevices(mainPath: string, stateFile: string): Promise<void> {
  const state = await openVmmFile(stateFile);
  const socket = connect(mainPath);
  /* The VMM hangs up when it likes, after the last byte as well: only what cannot be written is an error. */
  socket.on('error', () => undefined);
  const late = () =>
    socket.destroy(new DeadlineError('the VMM to read its device state', RESTORE_DEADLINE_MS));
  const timer = setTimeout(late, RESTORE_DEADLINE_MS);
  try {
    for await (const chunk of state.createReadStream()) {
      await new Promise<void>((resolve, reject) => {
        socket.write(chunk, (error) => (error ? reject(error) : resolve()));
      });
    }
  } finally {
    clearTimeout(timer);
    socket.destroy();
    await state.close();
  }
}

/** Again is nothing, and so is it when there was no keeper. */
export async function releaseMemory(folder: string, host: HostProcesses): Promise<void> {
  for (const keeper of host.findByArgument(keeperMark(folder))) await host.kill(keeper, KILL_DEADLINE_MS);
  removeVmmFolderSync(folder);
}

async function startKeeper(folder: string, host: HostProcesses, signal: AbortSignal): Promise<void> {
  removeVmmFolderSync(folder);
  makeVmmFolder(folder);
  const files = keeperFiles(folder);
  await host.start({
    name: `keeper-${basename(dirname(folder))}-${basename(folder)}`,
    file: process.execPath,
    args: [KEEPER, keeperMark(folder), folder, String(LIFETIME_MS)],
    log: files.log,
    fds: [],
    folder: '/',
    sees: [dirname(folder)],
  });
  await waitForListener(files.take, START_DEADLINE_MS, files.log, signal);
}

async function waitForListener(path: string, deadlineMs: number, log: string, signal: AbortSignal) {
  const isListening = listeningAt(path);
  const wait = { deadlineMs, what: `the keeper to listen at ${path}`, signal };
  try {
    await until(() => (isListening() ? true : null), wait, POLL_MS);
  } catch (cause) {
    if (!(cause instanceof DeadlineError)) throw cause;
    const words = withLastWords(cause.message, outputTail(log));
    throw new UpgradeError('memory_not_held', words, { cause });
  }
}
